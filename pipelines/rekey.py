"""Rekeying: what a store holds encrypted is written anew by the newest key."""

from pipelines.link import Noted
from pipelines.vault import Cipher, unsealed
from store import accounts
from store.engine import Store


def rekey(store: Store, cipher: Cipher, *, noted: Noted) -> int:
    """Encrypt the secrets of every account anew; return of how many accounts.

    Each account changes in one statement, unless a refresh came between: then it is read again.
    """
    with store.read() as tx:
        names = [account.name for account in accounts.every(tx)]
    for name in names:
        while not _rekeyed(store, cipher, name, noted):
            continue
    return len(names)


def _rekeyed(store: Store, cipher: Cipher, name: str, noted: Noted) -> bool:
    with store.begin() as tx:
        account = accounts.get(tx, name)
        if account is None:
            return True
        found = {column: getattr(account, column) for column in accounts.SECRETS}
        values = {
            column: cipher.encrypt(unsealed(text, cipher).encode()).decode()
            for column, text in found.items()
            if text
        }
        if values and not accounts.reseal(tx, name, values, seen=account.version):
            return False
        if values:
            noted(tx)
        return True
