"""Whether the next login would succeed: the host, the app's key and secret, the refresh token.

A session outlives for hours what began it: until it ends, no call tells of these.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from pipelines.verdicts import Finding, Verdict
from salesforce.errors import GrantDead, SalesforceError, Transient
from salesforce.introspect import Introspection
from salesforce.refusals import KEYS_REFUSED, RELINK, is_anothers

_REACH, _APP, _TOKEN = "reachability", "app", "refresh token"
_ANY = "none"  # the app is looked at before the token, so that any text serves
_KEPT = "unknown: whether key and secret are right, as the org does not let this app introspect"
_COMPARE = "Compare them with those of the app's page in Setup, should a login fail."
_SPENT = "the org calls it spent: the session serves until it ends, and cannot be renewed"


@dataclass(frozen=True, slots=True)
class LoginHost:
    """The host that grants tokens, asked by introspection, which spends nothing."""

    introspection: Introspection
    http: httpx.Client

    def findings(self, refresh_token: str | None) -> Iterator[Finding]:
        """Look at the host, then at what it says of the app and of its refresh token, if any."""
        try:
            is_current = self.introspection.is_current(self.http, refresh_token or _ANY)
        except SalesforceError as error:
            yield from self._refused(error)
            return
        yield self._answers()
        yield Finding(_APP, Verdict.OK, "the login host takes key and secret")
        if refresh_token and is_current:
            yield Finding(_TOKEN, Verdict.OK, "the org calls it current")
        elif refresh_token:
            yield Finding(_TOKEN, Verdict.WARNING, _SPENT, RELINK)

    def _refused(self, error: SalesforceError) -> Iterator[Finding]:
        remedy = error.remedy or ""
        if isinstance(error, Transient) or is_anothers(error):
            yield Finding(_REACH, Verdict.FAILURE, error.message, remedy)
            return
        yield self._answers()
        if isinstance(error, GrantDead) or self._refuses_keys(error):
            yield Finding(_APP, Verdict.FAILURE, error.message, remedy)
        else:
            yield Finding(_APP, Verdict.OK, _KEPT, _COMPARE)

    def _refuses_keys(self, error: SalesforceError) -> bool:
        # An app without a secret may renew tokens, and still not introspect them.
        is_public = self.introspection.app.client_secret is None
        return error.code in KEYS_REFUSED and not (is_public and error.code == "invalid_client")

    def _answers(self) -> Finding:
        return Finding(_REACH, Verdict.OK, f"{self.introspection.app.login_url} answers")
