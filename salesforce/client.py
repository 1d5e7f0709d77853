"""The Salesforce API as verbs; each tries once and returns a value or raises SalesforceError."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from salesforce.bulk import Bulk
from salesforce.grants import RefreshToken
from salesforce.ingest import Ingest
from salesforce.introspect import Introspection
from salesforce.reads import Reads
from salesforce.session import TIMEOUT, Session
from salesforce.tls import trust
from salesforce.writes import Writes

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from datetime import datetime

    import httpx

    from salesforce.grants import Grant
    from salesforce.oauth import AppCredentials
    from salesforce.session import Watch, WatchRefresh
    from salesforce.values import Usage
    from salesforce.vault import TokenVault

# The newest version that was generally available when this client was last tried: Summer '26.
API_VERSION = "67.0"


class Client(Reads, Writes, Bulk, Ingest):
    """One account's API; safe to share among threads, and to be closed once.

    `before_call` is told of each call that counts and may refuse it by raising; `on_call` hears of
    each answer, with the usage that it reports. `watch` is entered around each request with its
    kind and method, and told the status of the answer; `watch_refresh` around each refresh of the
    token, inside the request that needed it.
    """

    def __init__(
        self,
        *,
        vault: TokenVault,
        app: AppCredentials,
        api_version: str = API_VERSION,
        grant: Grant | None = None,
        timeout: httpx.Timeout = TIMEOUT,
        user_agent: str = "scsync",
        before_call: Callable[[str], None] | None = None,
        on_call: Callable[[str, Usage | None], None] | None = None,
        watch: Watch | None = None,
        watch_refresh: WatchRefresh | None = None,
        transport: httpx.BaseTransport | None = None,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        self.api_version = api_version
        self._session = Session(
            vault=vault,
            grant=grant or RefreshToken(app),
            introspection=Introspection(app),
            api_version=api_version,
            timeout=timeout,
            user_agent=user_agent,
            before_call=before_call,
            on_call=on_call,
            watch=watch,
            watch_refresh=watch_refresh,
            transport=transport,
            verify=verify or trust(),
        )

    def server_time(self) -> datetime | None:
        """Tell the server's clock as the last answer had it."""
        return self._session.server_time

    def close(self) -> None:
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
