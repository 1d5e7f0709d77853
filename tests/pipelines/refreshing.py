"""A process that spends one session after another: `python -m` with a store, a key and an app."""

import sys
import threading
from datetime import UTC, datetime

from cryptography.fernet import Fernet

from pipelines.vault import AccountVault
from salesforce.client import Client
from salesforce.oauth import AppCredentials
from store.engine import Store

THREADS, CALLS = 4, 3


def main(database_url: str, key: str, client_id: str, secret: str, login_url: str) -> None:
    """Call in several threads at once; any error ends the process with it."""
    store = Store(database_url)
    app = AppCredentials(client_id=client_id, client_secret=secret, login_url=login_url)
    vault = AccountVault(store, "default", cipher=Fernet(key), clock=lambda: datetime.now(UTC))
    client = Client(vault=vault, app=app, api_version="67.0")
    errors: list[Exception] = []

    def call() -> None:
        try:
            for _ in range(CALLS):
                client.limits()
        except Exception as error:  # noqa: BLE001 - handed to the main thread
            errors.append(error)

    threads = [threading.Thread(target=call) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()
    store.close()
    if errors:
        raise errors[0]


if __name__ == "__main__":
    main(*sys.argv[1:])
