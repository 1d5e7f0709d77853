"""How much one caller may ask, and what is said when something is amiss."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from console.access import gate, limits
from console.access.body import LARGEST_BODY, LARGEST_FORM
from console.access.limits import Buckets
from console.problems import Problem
from models.api_key import Scope
from tests.console.ground import BROWSER, Bench, bearer, bench, login


@pytest.fixture(autouse=True)
def no_time_goes_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a bucket might fill again while a busy machine is slow."""
    monkeypatch.setattr(limits, "Buckets", partial(Buckets, clock=lambda: 0.0))
    monkeypatch.setattr(gate, "Buckets", partial(Buckets, clock=lambda: 0.0))


@pytest.fixture
def ground(sqlite_store_url: str) -> Iterator[Bench]:
    with bench(sqlite_store_url) as found:
        yield found


def test_a_bucket_fills_again_as_time_goes_by() -> None:
    """So many at once, then by the rate; one caller's haste is not another's."""
    now = 0.0
    buckets = Buckets(0.5, 2, clock=lambda: now)
    buckets.take("a")
    buckets.take("a")
    with pytest.raises(Problem) as refused:
        buckets.take("a")
    assert refused.value.headers == {"retry-after": "2"}
    buckets.take("b")
    now = 2.0
    buckets.take("a")


def test_a_caller_in_haste_is_told_when_to_come_back(sqlite_store_url: str) -> None:
    """429 with Retry-After, for that key alone; liveness is told whatever happens."""
    with bench(sqlite_store_url, console_rate=0.2) as ground:
        outside = ground.client()
        hasty, calm = bearer(ground.key("hasty")), bearer(ground.key("calm"))
        assert outside.get("/v1/actions", headers=hasty).status_code == 200
        refused = outside.get("/v1/actions", headers=hasty)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["title"] == "Too Many Requests"
        assert outside.get("/v1/actions", headers=calm).status_code == 200
        assert outside.get("/healthz").status_code == 200


def shown(outside: TestClient, text: str) -> int:
    return outside.get("/v1/actions", headers=bearer(text)).status_code


def test_guesses_are_counted(ground: Bench) -> None:
    """After ten wrong ones an address has to wait, in whatever way it shows them; others do not."""
    outside = ground.client()
    assert [shown(outside, f"guess {n}") for n in range(12)] == [401] * 10 + [429] * 2
    assert outside.get("/v1/actions", auth=("anybody", "guess")).status_code == 429
    assert login(outside, "guess").status_code == 429
    other = TestClient(outside.app, base_url=str(outside.base_url), client=("198.51.100.1", 1))
    assert shown(other, "guess") == 401


def test_whoever_has_a_key_does_not_wait_for_those_who_guess(ground: Bench) -> None:
    """They may all come by one proxy: keys are let in, a person with one, and who is in already."""
    outside, key = ground.client(), ground.key("bot")
    assert login(outside, key).status_code == 303
    assert {shown(outside, f"guess {n}") for n in range(12)} == {401, 429}
    assert outside.get("/", headers=BROWSER).status_code == 200
    assert shown(outside, key) == 200
    assert login(outside, key).status_code == 303


@pytest.mark.parametrize(("token", "status"), [("open sesame", 429), ("k7" * 10, 200)])
def test_a_token_that_could_be_guessed_waits_with_the_guesses(
    sqlite_store_url: str, token: str, status: int
) -> None:
    """Else whoever tries them all would come to it; a long one is beyond that."""
    with bench(sqlite_store_url, console_token=token) as ground:
        outside = ground.client()
        assert shown(outside, token) == 200
        assert {shown(outside, f"guess {n}") for n in range(12)} == {401, 429}
        assert shown(outside, token) == status


def test_a_body_beyond_bounds_is_not_read(ground: Bench) -> None:
    """Whether its length is said, or found out on the way."""
    here = ground.client(is_loopback=True)
    said = here.post("/v1/commands", content=b"x" * (LARGEST_BODY + 1))
    parts = iter([b"x" * LARGEST_BODY, b"x"])
    found = here.post("/v1/commands", content=parts)
    for refused in (said, found):
        assert refused.status_code == 413
        assert "in parts" in refused.json()["detail"]
    stranger = ground.client().post("/login", content=b"x" * (LARGEST_FORM + 1))
    assert stranger.status_code == 413


def test_an_unreadable_store_is_said_with_its_remedy(tmp_path: Path, sqlite_store_url: str) -> None:
    """503 as a problem, on a page as a page, by key as without one; not ready, but alive."""
    with bench(sqlite_store_url) as ground:
        key = ground.key("bot")
        here, outside = ground.client(is_loopback=True), ground.client(headers=bearer(key))
        ground.app.store.engine.dispose()
        for path in tmp_path.glob("store.db*"):
            path.write_bytes(b"not a database, " * 512)
        for caller in (here, outside):
            refused = caller.get("/v1/status")
            assert refused.status_code == 503
            assert "restore it" in refused.json()["detail"]
        assert "restore it" in here.get("/", headers=BROWSER).text
        assert here.get("/healthz").status_code == 200
        assert here.get("/readyz").status_code == 503


def test_what_nobody_foresaw_is_logged_and_not_told(
    ground: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The caller learns that it is not theirs to mend; the log has the traceback."""

    def fail() -> None:
        raise ZeroDivisionError("a detail of ours")

    monkeypatch.setattr(ground.app, "overview", fail)
    answer = ground.client(is_loopback=True).get("/v1/status")
    assert answer.status_code == 500
    assert "a detail of ours" not in answer.text
    assert "nosniff" in answer.headers["x-content-type-options"]
    assert "a detail of ours" in capsys.readouterr().out


def test_secrets_stay_out_of_log_and_store(
    ground: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is done with a key: the store keeps its digest, the log nothing."""
    outside, key = ground.client(), ground.key("bot", Scope.READ)
    secret = key.split("_", 2)[2]
    for headers in (bearer(key), bearer(f"{key}x"), {"Authorization": f"Digest {key}"}):
        outside.get("/v1/status", headers=headers)
        outside.post("/v1/commands", content=b"{}", headers=headers)
    assert outside.get("/v1/status", params={"key": key}).status_code == 401
    ground.app.store.engine.dispose()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("store.db*"))
    logged = capsys.readouterr()
    assert b"bot" in kept
    assert secret.encode() not in kept
    assert secret not in logged.out + logged.err


@pytest.mark.parametrize("path", ["/", "/healthz", "/v1/actions", "/openapi.json"])
def test_a_head_is_an_answer_without_its_body(ground: Bench, path: str) -> None:
    """The headers are those of GET."""
    here = ground.client(is_loopback=True)
    head, whole = here.head(path), here.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("OPTIONS", "/v1/commands", {"GET", "HEAD", "POST"}),
        ("DELETE", "/v1/commands/7f0f4a5e-58a7-4a0e-9d2f-0c9f5a2f1a01", {"GET", "HEAD"}),
        ("GET", "/v1/actions/create_case", {"POST"}),
        ("POST", "/v1/actions/list_cases", {"GET"}),
        ("PUT", "/", {"GET", "HEAD"}),
    ],
)
def test_other_methods_are_refused_by_name(
    ground: Bench, method: str, path: str, allowed: set[str]
) -> None:
    """405 says which ones there are."""
    refused = ground.client(is_loopback=True).request(method, path)
    assert refused.status_code == 405
    assert allowed <= {one.strip() for one in refused.headers["allow"].split(",")}
    assert refused.json()["status"] == 405


def test_unknown_addresses_are_problems_for_programs_and_pages_for_people(ground: Bench) -> None:
    """By what the caller says it reads; the API speaks JSON to everybody."""
    here = ground.client(is_loopback=True)
    assert json.loads(here.get("/nowhere").text)["title"] == "Not Found"
    assert "<h1" in here.get("/nowhere", headers=BROWSER).text
    assert here.get("/v1/nowhere", headers=BROWSER).json()["status"] == 404
    near = here.get("/v1/actions/create_cas").json()["detail"]
    assert "did you mean create_case" in near
