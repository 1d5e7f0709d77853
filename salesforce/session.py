"""One pooled line to one org: a Call goes out with a token, a Reply or an error comes back."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import httpx

from salesforce import answers, calls, wire
from salesforce.auth import TokenAuth
from salesforce.errors import Misconfigured, ProtocolError, SalesforceError, Unavailable, Unclear
from salesforce.foresight import Foresight
from salesforce.oauth import NOTHING_SENT
from salesforce.values import Version

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    from salesforce.calls import Call
    from salesforce.grants import Grant
    from salesforce.introspect import Introspection
    from salesforce.values import Usage
    from salesforce.vault import TokenVault

    Watch = Callable[[str, str], AbstractContextManager[Callable[[int], None]]]
    WatchRefresh = Callable[[], AbstractContextManager[object]]

TIMEOUT = httpx.Timeout(connect=10, read=120, write=30, pool=60)
# An idle connection that the server closes meanwhile leaves a write unclear: give it up first.
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=3)


class Session:
    """Sends calls for one account; safe to share among threads."""

    def __init__(
        self,
        *,
        vault: TokenVault,
        grant: Grant,
        introspection: Introspection,
        api_version: str,
        timeout: httpx.Timeout,
        user_agent: str,
        before_call: Callable[[str], None] | None,
        on_call: Callable[[str, Usage | None], None] | None,
        watch: Watch | None,
        watch_refresh: WatchRefresh | None,
        transport: httpx.BaseTransport | None,
        verify: ssl.SSLContext,
    ) -> None:
        self.version_path = f"/services/data/v{api_version}"
        self._api_version = api_version
        self._is_spoken = False
        self.server_time: datetime | None = None
        self._before_call = before_call
        self._on_call = on_call
        self._watch = watch or _nobody
        self._http = httpx.Client(
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "Sforce-Call-Options": "client=scsync",
                "User-Agent": user_agent,
            },
            timeout=timeout,
            limits=_LIMITS,
            transport=transport,
            verify=verify,
        )
        self._auth = TokenAuth(
            vault=vault,
            grant=grant,
            http=self._http,
            witness=introspection,
            foresight=Foresight(introspection.left, self._http),
            watch_refresh=watch_refresh or nullcontext,
        )

    def send(self, call: Call) -> wire.Reply:
        """Try once; the answer may still be an error in itself."""
        request = self._admitted(call)
        with self._watch(call.kind, call.method) as answered:
            try:
                reply = self._exchange(request)
            except httpx.RequestError as error:
                raise _lost(call, error) from error
            except ProtocolError as error:
                error.outcome_unknown = call.writes
                raise
            answered(reply.status)
        self._note(call, reply.headers)
        if call.is_counted and not self._is_spoken:
            self._ask_whether_spoken(reply)
        return reply

    @contextmanager
    def stream(self, call: Call) -> Iterator[wire.Stream]:
        """Try once, and hand on the answer before its body is here; leaving closes the line."""
        request = self._admitted(call)
        with self._watch(call.kind, call.method) as answered:
            try:
                response = self._sent(request)
            except httpx.RequestError as error:
                raise _lost(call, error) from error
            try:
                answered(response.status_code)
                self._note(call, response.headers)
                yield wire.Stream(response.status_code, response.headers, _chunks(call, response))
            finally:
                response.close()

    def close(self) -> None:
        self._http.close()

    def _ask_whether_spoken(self, reply: wire.Reply) -> None:
        """Tell an org that lacks a record from one that lacks our API version: both answer 404."""
        if wire.is_missing(reply.status):
            told = self.send(calls.Call("versions", "GET", calls.VERSIONS))
            try:
                spoken = [one.version for one in answers.value(told, list[Version])]
            except SalesforceError:
                return  # not told, so the first answer stands; the next 404 asks again
            if self._api_version not in spoken:
                raise Misconfigured(
                    f"the org does not speak API version {self._api_version}",
                    code="UNSUPPORTED_API_VERSION",
                    remedy=f"Set SCSYNC_API_VERSION to one of: {', '.join(spoken[-3:])}.",
                )
            self._is_spoken = True
        self._is_spoken = self._is_spoken or wire.is_good(reply.status)

    def _admitted(self, call: Call) -> httpx.Request:
        if self._before_call and call.is_counted:
            self._before_call(call.kind)
        path = call.path if call.path.startswith("/") else f"{self.version_path}/{call.path}"
        return self._http.build_request(
            call.method, path, content=call.body, headers=dict(call.headers)
        )

    def _exchange(self, request: httpx.Request) -> wire.Reply:
        response = self._sent(request)
        try:
            return wire.Reply(response.status_code, response.headers, _body(response))
        finally:
            response.close()

    def _sent(self, request: httpx.Request) -> httpx.Response:
        """Send to the org's host; follow the org, once, where it has left that host."""
        try:
            response = self._http.send(request, auth=self._auth, stream=True)
        except httpx.ConnectError:
            if not self._auth.has_moved(request.url):
                raise
        else:
            if not response.has_redirect_location:
                return response
            response.read()
            if not self._auth.has_moved(request.url):
                return response
        return self._http.send(request, auth=self._auth, stream=True)

    def _note(self, call: Call, headers: Mapping[str, str]) -> None:
        self.server_time = wire.server_time(headers) or self.server_time
        if self._on_call and call.is_counted:
            self._on_call(call.kind, wire.usage(headers))


@contextmanager
def _nobody(_kind: str, _method: str) -> Iterator[Callable[[int], None]]:
    """Look on as nobody does."""
    yield lambda _status: None


def _body(response: httpx.Response) -> bytes:
    if response.is_stream_consumed:  # it was looked into already
        return response.content
    return wire.inflate(b"".join(response.iter_raw()), response.headers.get("content-encoding"))


def _chunks(call: Call, response: httpx.Response) -> Iterator[bytes]:
    if response.is_stream_consumed:  # it was looked into already
        yield response.content
        return
    encoding = response.headers.get("content-encoding")
    try:
        yield from wire.inflating(response.iter_raw(), encoding)
    except httpx.RequestError as error:
        raise _lost(call, error) from error


def _lost(call: Call, error: httpx.RequestError) -> Unavailable | Unclear:
    what = type(error).__name__
    if isinstance(error, NOTHING_SENT):
        url = error.request.url
        return Unavailable(
            f"no connection to {url.scheme}://{url.netloc.decode()} ({what})",
            code="UNREACHABLE",
            remedy="Check the network; what waits goes on when the org answers.",
        )
    if call.writes:
        return Unclear(f"sent, reply lost: {what}", code="REPLY_LOST", outcome_unknown=True)
    if isinstance(error, httpx.ReadTimeout):
        return Unavailable("no answer in time", code="READ_TIMEOUT")
    return Unavailable(f"reply lost: {what}", code="REPLY_LOST")
