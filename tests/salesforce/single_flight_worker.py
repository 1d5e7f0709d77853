"""A process of its own: shares a vault file, meets the expired session with eight threads."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from salesforce.client import Client
from salesforce.oauth import AppCredentials
from tests.salesforce.vaults import FileVault


def main(path: str, url: str, role: str) -> None:
    if role == "lease":
        vault = FileVault(Path(path), 60)
        vault.lease(vault.current().version, "victim")
        print("leased", flush=True)  # noqa: T201 - the test waits for this line
        time.sleep(600)
    app = AppCredentials("consumer", "s3cret", url)
    with Client(vault=FileVault(Path(path), 60), app=app) as client:
        print("ready", flush=True)  # noqa: T201 - the test waits for this line
        sys.stdin.readline()
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: client.limits(), range(8)))
    print(len(answers), "answers", flush=True)  # noqa: T201 - the test reads this line


main(*sys.argv[1:])
