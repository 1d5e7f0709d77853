"""What the grant is worth: scopes, policy, rotation, PKCE, how many, and whose rows it sees."""

from collections.abc import Iterator
from datetime import datetime

from models.linked_account import AccountState, GrantKind, LinkedAccount
from pipelines import policy
from pipelines.verdicts import Finding, Verdict
from salesforce.client import Client
from salesforce.errors import SalesforceError

_SEES_ALL = "SELECT PermissionsViewAllData FROM UserPermissionAccess LIMIT 1"
_UNSEEN = (
    "Look in Setup, the user's profile and permission sets: without View All Data, rows that are "
    "not shared with the user are missing, and nothing tells which."
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
    yield Finding(
        "grants",
        Verdict.OK,
        "unknown: how many grants this user has given to the app; a sixth ends the oldest",
        "Look in Setup, Connected Apps OAuth Usage, if a grant dies without a cause.",
    )


def _scopes(scope: str) -> Finding:
    if {"api", "full"} & set(scope.split()):
        return Finding("scopes", Verdict.OK, scope)
    remedy = "Give the external client app the scope api, then link again."
    return Finding("scopes", Verdict.FAILURE, scope, remedy)


def _policy(account: LinkedAccount, terms: str | None, now: datetime) -> Finding:
    if terms is None:
        how = "Look in Setup, the app's policies; if tokens end there, set SCSYNC_REFRESH_POLICY."
        return Finding("token policy", Verdict.OK, "unknown: whether refresh tokens end", how)
    soon = policy.notice(terms, account, now)
    end = policy.ends_at(terms, account)
    evidence = f"{terms}: until {end:%Y-%m-%d}" if end else terms
    return Finding("token policy", Verdict.WARNING if soon else Verdict.OK, soon or evidence)


def _rotation(rotates: bool | None) -> Finding:  # noqa: FBT001 - what the account holds
    evidence = {
        None: "unknown: no refresh has been seen yet",
        True: "on: each refresh replaces the refresh token, and a lost answer costs a link",
        False: "off: the refresh token stays the same",
    }
    return Finding("token rotation", Verdict.OK, evidence[rotates])


def sight(client: Client) -> Finding:
    """Say whether the user sees every row."""
    try:
        records = client.query_page(_SEES_ALL).records
    except SalesforceError:
        return Finding("View All Data", Verdict.OK, "unknown: the org does not say", _UNSEEN)
    if records and records[0].get("PermissionsViewAllData"):
        return Finding("View All Data", Verdict.OK, "the user sees every row")
    remedy = "Give the user View All Data, or expect that rows not shared with it are missing."
    return Finding("View All Data", Verdict.WARNING, "the user does not see every row", remedy)
