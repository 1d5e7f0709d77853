"""Who the org's users are to it: profile, permission sets, and whether they may come in at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from emulator.errors import ApiError
from emulator.rights import ADMINISTRATOR, PROFILES, PermissionSet, Sight

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from emulator.org import Org


class Standing(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How one user stands; that it is active stands in its row."""

    profile: str = ADMINISTRATOR.name
    permission_sets: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    """Ids of the groups whose records count as the user's own."""
    frozen: bool = False
    locked: bool = False
    """Whether too many wrong passwords keep the user out."""
    hours: tuple[int, int] | None = None
    """Login hours of the profile, UTC: from, and up to."""
    addresses: tuple[str, ...] = ()
    """Networks the user may log in from; none: from everywhere."""


class Directory:
    """The standings of the org's users, and the permission sets they may be given."""

    def __init__(self, org: Org, now: Callable[[], datetime]) -> None:
        self.org = org
        self.newcomer = Standing()
        self.sets: dict[str, PermissionSet] = {}
        self.on_change: Callable[[], None] = _nothing
        self._now = now
        self._metadata: dict[str, str] = {}
        self._standings: dict[str, Standing] = {}
        self._sights: dict[str, Sight] = {}

    def standing(self, user_id: str) -> Standing:
        return self._standings.get(user_id, self.newcomer)

    def change(self, user_id: str, changes: dict[str, Any]) -> Standing:
        """Change how a user stands; ValueError names what the org does not have."""
        known = msgspec.to_builtins(self.standing(user_id))
        changed = msgspec.convert(known | changes, Standing)
        if changed.profile not in PROFILES:
            raise ValueError(f"no profile {changed.profile}; there are: {', '.join(PROFILES)}")
        if unknown := set(changed.permission_sets) - self.sets.keys():
            raise ValueError(f"no permission set {', '.join(sorted(unknown))} was deployed")
        self._standings[user_id] = changed
        self._sights.pop(user_id, None)
        self.on_change()
        return changed

    def deploy(self, xml: str) -> PermissionSet:
        """Take a permission set's metadata in, in place of one of that name."""
        found = self.org.permission_set(xml)
        self.sets[found.name], self._metadata[found.name] = found, xml
        self._sights.clear()
        self.on_change()
        return found

    def document(self) -> dict[str, Any]:
        """Lay out what `restore` takes."""
        return {
            "newcomer": msgspec.to_builtins(self.newcomer),
            "standings": msgspec.to_builtins(self._standings),
            "metadata": list(self._metadata.values()),
        }

    def restore(self, document: dict[str, Any]) -> None:
        for xml in document["metadata"]:
            self.deploy(xml)
        self.newcomer = msgspec.convert(document["newcomer"], Standing)
        self._standings = msgspec.convert(document["standings"], dict[str, Standing])

    def sight(self, user_id: str) -> Sight | None:
        """Return what a user may see and do; None where nothing is kept from it."""
        standing = self.standing(user_id)
        if standing.profile == ADMINISTRATOR.name:
            return None
        if user_id not in self._sights:
            self._sights[user_id] = Sight(
                profile=PROFILES[standing.profile],
                sets=tuple(self.sets[name] for name in standing.permission_sets),
                owners=(user_id, *standing.queues),
                since=self._now(),
            )
        return self._sights[user_id]

    def check_api(self, user_id: str) -> None:
        """Refuse the data APIs to whoever lacks API Enabled."""
        sight = self.sight(user_id)
        if sight is not None and not sight.api:
            message = "API is not enabled for this Organization or Partner"
            raise ApiError(403, "API_DISABLED_FOR_ORG", message)

    def is_administrator(self, user_id: str) -> bool:
        return PROFILES[self.standing(user_id).profile].administers

    def sees_all(self, user_id: str) -> bool:
        sight = self.sight(user_id)
        return sight is None or sight.sees_all

    def views_setup(self, user_id: str) -> bool:
        sight = self.sight(user_id)
        return sight is None or sight.views_setup

    def users(self) -> list[dict[str, Any]]:
        """List the users that can be somebody, with how they stand."""
        rows = self.org.query_rows("SELECT Id, Username, Name, IsActive FROM User ORDER BY Id")
        return [
            {
                "id": row["Id"],
                "username": row["Username"],
                "name": row["Name"],
                "active": row["IsActive"],
                **msgspec.to_builtins(self.standing(row["Id"])),
            }
            for row in rows
        ]


def _nothing() -> None:
    """Nobody wants to know."""
