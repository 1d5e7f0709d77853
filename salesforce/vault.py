"""Where the tokens of one account live: one current token, and a lease on renewing it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol
from urllib.parse import urlsplit

# A lease has to outlive the slowest honest refresh: one try by oauth.GRANTING, begun as late as
# refresh.BUSY_FOR allows. Shorter, and two would spend the same rotating token.
LEASE = timedelta(seconds=120)


@dataclass(frozen=True, slots=True)
class Token:
    """What a refresh left us with; an empty access token means that none was fetched yet."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    instance_url: str
    version: int
    identity_url: str
    scope: str
    rotates: bool | None = None
    """Whether a refresh was seen to replace the refresh token; None: there was none yet."""

    @property
    def org_id(self) -> str:
        """The organisation, from an identity URL that ends in /id/{org}/{user}."""
        return self._identity(-2)

    @property
    def user_id(self) -> str:
        return self._identity(-1)

    def _identity(self, place: int) -> str:
        steps = urlsplit(self.identity_url).path.strip("/").split("/")
        return steps[place] if steps[-3:-2] == ["id"] else ""


def blank(refresh_token: str | None = None) -> Token:
    """Begin an account that never had an access token; the first request will fetch one."""
    return Token("", refresh_token, "", version=0, identity_url="", scope="")


@dataclass(frozen=True, slots=True)
class Lease:
    """The sole right to refresh; in doubt when an earlier refresh was sent and not answered."""

    owner: str
    in_doubt: bool = False


class TokenVault(Protocol):
    """Shared by every thread and process that works for one account."""

    def current(self) -> Token:
        """Hand out the current token; cheap. Raises GrantDead when the grant is buried.

        Raises Misconfigured while fresh sessions are refused, and it is too early for another.
        """

    def lease(self, seen_version: int, owner: str) -> Lease | None:
        """Win the right to refresh (for LEASE), if the version still is the one seen.

        None means that somebody else holds it or that the version has moved on.
        """

    def sending(self, owner: str) -> bool:
        """Note durably that the refresh token is about to be sent; False: the lease is lost."""

    def store(self, token: Token) -> Token:
        """Keep the token durably, bump its version, end any lease; return what is now current.

        Whoever was overtaken by a newer version stores nothing and gets what is current.
        """

    def release(self, owner: str) -> None:
        """End the lease: the refresh token was not spent; nothing happens to another's."""

    def lapse(self, owner: str) -> None:
        """End the lease and leave what was sent in doubt; nothing happens to another's."""

    def refused(self, reason: str) -> None:
        """Leave word that the login host refuses us, while the grant may be as good as ever."""

    def judged(self, version: int, *, is_refused: bool) -> None:
        """Note whether the org took that version's session at its first use, straight after."""

    def bury(self, reason: str, owner: str) -> None:
        """Mark the grant dead and end the lease; nothing happens to another's."""
