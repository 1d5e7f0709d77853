"""An org that has left its host, as instances are moved: followed by the login host's word."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from emulator.server import Emulator
from salesforce.errors import Unavailable
from tests.pipelines.reading import Reader
from tests.pipelines.relay import relay

NOBODY = "http://127.0.0.1:1"


@pytest.fixture
def desk() -> Iterator[Emulator]:
    """An org of its own for each test, whose refresh tokens rotate."""
    with Emulator(cases=50, rotation=True) as org:
        yield org


@contextmanager
def sending_elsewhere(to: str) -> Iterator[str]:
    """Serve an old host that knows the new address, and nothing else."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Keep the test's output its own."""

        def do_GET(self) -> None:
            self.send_response_only(301)
            self.send_header("Location", to + self.path)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def refreshes(org: Emulator) -> int:
    recent = org.requests()["recent"]
    return sum(1 for entry in recent if entry["path"] == "/services/oauth2/token")


def move_to(reader: Reader, host: str) -> None:
    """Have the account believe that its org lives there."""
    reader.sql("UPDATE scsync_accounts SET instance_url = '{host}'", host=host)


def test_a_host_that_is_gone_is_left(reader: Reader) -> None:
    """A new process finds its org again by one refresh, and the next one knows where it is."""
    move_to(reader, NOBODY)
    before = refreshes(reader.org)
    with closing(reader.new_client()) as client:
        assert client.limits()
    assert refreshes(reader.org) == before + 1
    assert reader.vault().current().instance_url == reader.org.url
    assert reader.pull("User").rows_written


def test_a_host_that_sends_elsewhere_is_left(reader: Reader) -> None:
    """The session goes to the host that the login host names, not to whom the old one points."""
    with sending_elsewhere(NOBODY) as old:
        move_to(reader, old)
        with closing(reader.new_client()) as client:
            assert client.limits()
    assert reader.vault().current().instance_url == reader.org.url


def test_an_org_that_is_down_costs_one_refresh_in_minutes(reader: Reader) -> None:
    """Each spends a token under rotation: an outage of hours must not be a refresh a call."""

    def still_there(path: str, document: dict[str, str]) -> dict[str, str]:
        return {**document, "instance_url": NOBODY} if path.endswith("/token") else document

    with relay(reader.org.url, still_there) as url:
        reader.sql("UPDATE scsync_accounts SET login_url = '{url}'", url=url)
        reader.app = type(reader.app)(reader.app.client_id, reader.app.client_secret, url)
        move_to(reader, NOBODY)
        before = refreshes(reader.org)
        with closing(reader.new_client()) as client:
            for _ in range(3):
                with pytest.raises(Unavailable, match=f"no connection to {NOBODY}"):
                    client.limits()
        assert refreshes(reader.org) == before + 1


def test_without_a_network_no_token_is_risked(reader: Reader) -> None:
    """Where the login host does not answer either, the call's own words are told."""
    move_to(reader, NOBODY)
    reader.app = type(reader.app)(reader.app.client_id, reader.app.client_secret, NOBODY)
    with closing(reader.new_client()) as client, pytest.raises(Unavailable) as raised:
        client.limits()
    assert raised.value.code == "UNREACHABLE"
    with reader.store.read() as tx:
        query = "SELECT refresh_sent_at FROM scsync_accounts"
        assert tx.exec_driver_sql(query).scalar_one() is None
