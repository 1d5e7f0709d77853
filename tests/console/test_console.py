"""The console over real HTTP: what it shows, whom it answers, and what it accepts."""

import re

import httpx
import pytest

from models.finding import FindingKind
from models.linked_account import AccountState
from models.outbox import CommandState
from store import accounts, findings
from tests.console.browsing import Page, pull
from tests.pipelines.push.ground import Place, create, update
from tests.worker.conftest import eventually

SAMPLE = re.compile(r'[a-z_]+(\{[a-z]+="(\\.|[^"\\])*"(,[a-z]+="[^"]*")*\})? -?[0-9.e+]+')


def figure(http: httpx.Client, name: str) -> float:
    """One figure of the metrics, by its name and labels."""
    lines = http.get("/metrics").text.splitlines()
    return float(next(line.rpartition(" ")[2] for line in lines if line.startswith(f"{name} ")))


def test_a_linked_account_is_ready(http: httpx.Client, place: Place) -> None:
    """Alive and ready before the first pull; that all is well is said once everything was read."""
    assert http.get("/healthz").text == "ok\n"
    assert http.get("/readyz").json() == {"ready": True, "reasons": []}
    assert "All is well." not in http.get("/").text
    pull(place)
    assert "All is well." in http.get("/").text


def test_what_needs_a_person_is_named_everywhere(http: httpx.Client, place: Place) -> None:
    """Not ready, with reasons; the same ones on the page; a figure to alert on."""
    (dead,) = place.submit(create(Subject="Never sent", Origin="Web"))
    with place.app.store.begin() as tx:
        tx.exec_driver_sql("UPDATE scsync_commands SET state = 'dead'")
        accounts.move(tx, "default", AccountState.DEAD, "token revoked <by> somebody")
        findings.raise_(
            tx, "Case", FindingKind.ZERO_ROWS, "no rows where there were many", now=place.clock()
        )
    assert place.state(dead) == CommandState.DEAD
    ready = http.get("/readyz")
    assert ready.status_code == 503
    reasons = " ".join(ready.json()["reasons"])
    for part in ("token revoked", "1 commands are dead", "no rows where there were many"):
        assert part in reasons
    shown = http.get("/").text
    assert "3 things need a person." in shown
    assert "&lt;by&gt;" in shown
    assert figure(http, 'scsync_ready{account="default"}') == 0
    assert figure(http, 'scsync_account_state{account="default",state="dead"}') == 1


def test_the_page_stands_alone(http: httpx.Client, place: Place) -> None:
    """Well formed, nothing inline, nothing from elsewhere; what it is made with is kept for good."""
    place.app.puller().pull(place.app.models[0])
    answer = http.get("/")
    page = Page(answer.text)
    assert [one for one in page.all("script") if "src" not in one] == []
    named = [one.get(key) for _, one in page.elements for key in ("src", "href", "action")]
    assert [one for one in named if one and not one.startswith(("/", "#"))] == []
    static = [one for one in named if one and one.startswith("/static/")]
    assert {one.partition("?")[0].rpartition(".")[2] for one in static} == {"css", "js", "svg"}
    for address in static:
        assert "immutable" in http.get(address).headers["cache-control"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_metrics_are_what_prometheus_reads(http: httpx.Client, place: Place) -> None:
    """Each line a comment or a sample; the figures are those of the store."""
    pulled = place.app.puller().pull(place.app.models[0])
    place.submit(create(Subject="One", Origin="Web"))
    lines = http.get("/metrics").text.splitlines()
    assert [one for one in lines if not one.startswith("# ") and not SAMPLE.fullmatch(one)] == []
    eventually(
        lambda: figure(http, 'scsync_rows{account="default",object="User"}') == pulled.rows_written
    )
    assert figure(http, 'scsync_commands{account="default",state="pending"}') == 1
    assert figure(http, 'scsync_freshness_seconds{account="default",object="User"}') >= 0


def test_a_command_is_accepted_applied_and_told_of(http: httpx.Client, place: Place) -> None:
    """The same key is the same command; its life is told from submission to result."""
    headers = {"Idempotency-Key": "order-1"}
    form = create(Subject="By HTTP", Origin="Web")
    first = http.post("/v1/commands", json=form, headers=headers)
    again = http.post("/v1/commands", json=form, headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert (first.json()["repeated"], again.json()["repeated"]) == (False, True)
    assert first.json()["id"] == again.json()["id"]
    assert http.get(first.json()["url"]).json()["state"] == "pending"
    place.drain()
    life = http.get(first.json()["url"]).json()
    assert life["state"] == "applied"
    assert [one["outcome"] for one in life["history"]] == ["applied"]
    assert len(place.writes("Case")) == 1


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        ({"json": update("500000000000001AAA", Priorty="High")}, 422, "did you mean Priority"),
        ({"json": {"op": "explode", "sobject": "Case"}}, 400, "unknown op"),
        ({"json": [1]}, 400, "JSON object"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "not JSON"),
        ({"content": b"<c/>", "headers": {"content-type": "text/xml"}}, 415, "application/json"),
        ({"content": b" " * (9 << 20)}, 413, "at most"),
    ],
)
def test_what_will_not_do_is_refused_with_its_cause(
    http: httpx.Client, place: Place, sent: dict[str, object], status: int, said: str
) -> None:
    """As a problem document; nothing is stored."""
    answer = http.post("/v1/commands", **sent)  # type: ignore[arg-type]
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]
    assert place.counts() == {}


def test_unknown_addresses_and_commands_are_not_found(http: httpx.Client) -> None:
    """Whether or not the id is one."""
    for path in ("/v1/commands/no-id", "/v1/commands/7f0f4a5e-58a7-4a0e-9d2f-0c9f5a2f1a01", "/x"):
        assert http.get(path).status_code == 404
