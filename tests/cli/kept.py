"""A backend of the library keyring that keeps entries in a file: what a desktop's would keep."""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

FILE = "KEPT_KEYS"
"""Names the variable that names the file."""


class Kept(KeyringBackend):
    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        return entries().get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        found = entries() | {f"{service}/{username}": password}
        Path(os.environ[FILE]).write_text(json.dumps(found))

    def delete_password(self, service: str, username: str) -> None:
        raise PasswordDeleteError(f"{service}/{username} is kept")


def entries() -> dict[str, str]:
    """Give all that is kept, by service and user."""
    path = Path(os.environ[FILE])
    return dict(json.loads(path.read_text())) if path.exists() else {}
