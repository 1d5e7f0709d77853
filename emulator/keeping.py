"""Keeps apps, grants and rights beside the org's file, so that a client outlives a restart."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from emulator.grants import ConnectedApp, Grant

if TYPE_CHECKING:
    from collections.abc import Iterable

OWNER_ONLY = 0o600


class Kept:
    """The credentials of an org in a file; without a file nothing is kept."""

    def __init__(self, state: str | None) -> None:
        self._file = Path(f"{state}.grants.json") if state else None
        self._found: dict[str, Any] = {}
        if self._file is not None and self._file.exists():
            self._found = msgspec.json.decode(self._file.read_bytes())

    @property
    def client_id(self) -> str | None:
        return self._found.get("client_id")

    @property
    def client_secret(self) -> str | None:
        return self._found.get("client_secret")

    def grants(self) -> list[Grant]:
        return [
            Grant(
                client_id=one["client_id"],
                user_id=one["user_id"],
                scopes=tuple(one["scopes"]),
                refresh_token=one["refresh_token"],
                spent=set(one["spent"]),
                given=_instant(one.get("given")),
                used=_instant(one.get("used")),
            )
            for one in self._found.get("grants", ())
        ]

    def apps(self) -> list[ConnectedApp]:
        return msgspec.convert(self._found.get("apps", []), list[ConnectedApp])

    @property
    def people(self) -> dict[str, Any]:
        """What a directory laid out, or nothing."""
        found: dict[str, Any] = self._found.get("people", {})
        return found

    def save(
        self,
        app: ConnectedApp,
        *,
        apps: Iterable[ConnectedApp],
        grants: Iterable[Grant],
        people: dict[str, Any],
    ) -> None:
        """Write all of it anew, in one move, readable by its owner alone."""
        if self._file is None:
            return
        document = {
            "client_id": app.client_id,
            "client_secret": app.client_secret,
            "apps": [asdict(one) for one in apps],
            "grants": [_document(grant) for grant in grants],
            "people": people,
        }
        draft = self._file.with_suffix(".new")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
        with os.fdopen(handle, "wb") as out:
            out.write(msgspec.json.encode(document))
        draft.replace(self._file)


def _document(grant: Grant) -> dict[str, Any]:
    return {
        "client_id": grant.client_id,
        "user_id": grant.user_id,
        "scopes": grant.scopes,
        "refresh_token": grant.refresh_token,
        "spent": sorted(grant.spent),
        "given": grant.given,
        "used": grant.used,
    }


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
