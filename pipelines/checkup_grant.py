"""What the grant is worth: scopes, policy, rotation, PKCE, and how many there are."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from models.linked_account import AccountState, GrantKind, LinkedAccount
from pipelines import policy
from pipelines.verdicts import Finding, Verdict
from salesforce import soql
from salesforce.client import Client
from salesforce.errors import SalesforceError

MOST = 5
"""Grants that Salesforce keeps of a user to an app."""
_UNCOUNTED = "unknown: how many grants this user has given to the app; a sixth ends the oldest"
_USAGE = "Look in Setup, Connected Apps OAuth Usage, if a grant dies without a cause."
_FULL = (
    "The next link of the user to such an app ends its oldest grant: revoke in Setup, Connected "
    "Apps OAuth Usage, those that nobody uses."
)


def standing(account: LinkedAccount, terms: str | None, now: datetime) -> Iterator[Finding]:
    """Say what the store knows of the grant, without a call."""
    if account.state != AccountState.LINKED:
        why = account.reason or f"the account is {account.state}"
        verb = "accounts resume" if account.state == AccountState.SUSPENDED else "link"
        remedy = f"Run scsync {verb}; what waits goes on by itself then."
        yield Finding("grant", Verdict.FAILURE, why, remedy)
    if account.scope is not None:
        yield _scopes(account.scope)
    if account.grant_kind != GrantKind.REFRESH_TOKEN:
        yield Finding("token policy", Verdict.OK, f"{account.grant_kind}: no token that can end")
        return
    yield _policy(account, terms, now)
    yield _rotation(account.rotates)
    yield Finding(
        "PKCE", Verdict.OK, "scsync links with PKCE (S256), whether or not it is demanded"
    )


def grants(client: Client, account: LinkedAccount) -> Iterator[Finding]:
    """Count what this user has granted, app by app, where a refresh token can be pushed out."""
    if account.grant_kind != GrantKind.REFRESH_TOKEN or account.user_id is None:
        return
    own = soql.eq("UserId", account.user_id)
    try:
        found = client.query_page(soql.select(["AppName"], "OauthToken", where=own)).records
    except SalesforceError:
        found = []
    if not found:
        yield Finding("grants", Verdict.OK, _UNCOUNTED, _USAGE)
        return
    by_app = Counter(str(one.get("AppName")) for one in found)
    evidence = ", ".join(f"{app}: {number} of {MOST}" for app, number in sorted(by_app.items()))
    full = max(by_app.values()) >= MOST
    verdict = Verdict.WARNING if full else Verdict.OK
    yield Finding("grants", verdict, f"this user's, by app: {evidence}", _FULL if full else "")


def _scopes(scope: str) -> Finding:
    if {"api", "full"} & set(scope.split()):
        return Finding("scopes", Verdict.OK, scope)
    remedy = "Give the external client app the scope api, then link again."
    return Finding("scopes", Verdict.FAILURE, scope, remedy)


def _policy(account: LinkedAccount, terms: str | None, now: datetime) -> Finding:
    if account.state == AccountState.DEAD:
        return Finding("token policy", Verdict.WARNING, "it matters no more: the grant is dead")
    if terms is None:
        how = "Look in Setup, the app's policies, and say it in SCSYNC_REFRESH_POLICY."
        return Finding("token policy", Verdict.OK, "unknown: whether refresh tokens end", how)
    if soon := policy.notice(terms, account, now):
        return Finding("token policy", Verdict.WARNING, soon)
    end = policy.ends_at(terms, account)
    until = f": until {end:%Y-%m-%d %H:%M} UTC" if end else ""
    if end and policy.is_latest(terms, account):
        until += f" at the latest{policy.UNKNOWN}"
    moves = ", and each refresh moves that" if policy.terms(terms).is_renewed else ""
    return Finding("token policy", Verdict.OK, f"{terms}{until}{moves}")


def _rotation(rotates: bool | None) -> Finding:  # noqa: FBT001 - what the account holds
    evidence = {
        None: "unknown until the first refresh; should its answer be lost, that may cost a link",
        True: "on: each refresh replaces the refresh token, and a lost answer costs a link",
        False: "off: the refresh token stays the same",
    }
    return Finding("token rotation", Verdict.OK, evidence[rotates])
