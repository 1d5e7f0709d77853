"""A running `scsync up` as others see it: its metrics, its traces, its webhook.

One process for the whole file: it pulls, applies a command whose first attempt fails, and opens an
incident; then it is scraped, and told to stop.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import promql_parser as promql
import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from emulator.server import Emulator
from models.finding import FindingKind
from pipelines.troubles import SILENT
from store import findings
from store.engine import Store
from tests.pipelines.push.ground import Clock
from tests.receiver import Receiver, Told, receiving
from tests.services import free_port
from tests.system.processes import Site, eventually

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/prometheus/rules.yml"
TESTS = ROOT / "deploy/prometheus/tests.yml"
DASHBOARD = ROOT / "deploy/grafana/scsync.json"
PAGE = (ROOT / "docs/observability.md").read_text()
KEY = b"a key of twenty-four byte"
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
SUBJECT = "The words of a customer"
OF_PROMETHEUS = {"up": {"instance", "job"}}
PROMTOOL_MISSING = (
    "no promtool on this machine: apt-get install prometheus, brew install prometheus, "
    "or set TEST_PROMTOOL"
)


@dataclass
class Product:
    """What the running process has left with others."""

    metrics: str
    receiver: Receiver
    command: str
    log: str


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    site = Site(tmp_path_factory.mktemp("site"))
    with receiving() as receiver, Emulator(cases=30) as org:
        try:
            yield run(site, receiver, org)
        finally:
            site.stop_all()


def run(site: Site, receiver: Receiver, org: Emulator) -> Product:
    """Let a daemon do one of everything."""
    port = free_port()
    site.environment |= {
        "SCSYNC_LOGIN_URL": org.url,
        "SCSYNC_CLIENT_ID": org.client_id,
        "SCSYNC_CLIENT_SECRET": org.client_secret,
        "SCSYNC_REFRESH_TOKEN": org.refresh_token,
        "SCSYNC_OBJECTS": "Case,Account",
        "SCSYNC_INTERVAL": "1",
        "SCSYNC_LOG_FORMAT": "json",
        "SCSYNC_CONSOLE_PORT": str(port),
        "SCSYNC_OTLP_ENDPOINT": receiver.url,
        "SCSYNC_WEBHOOK_URL": f"{receiver.url}/hook",
        "SCSYNC_WEBHOOK_SECRET": SECRET,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "NOTIFY_SOCKET": str(site.folder / "nobody"),
    }
    daemon = site.start("up").ready()

    def seen(sample: str) -> bool:
        return f"\n{sample}" in httpx.get(f"http://127.0.0.1:{port}/metrics").text

    eventually(
        lambda: seen('scsync_pulls_total{account="default",object="Case",outcome="ok"}'), "a pull"
    )
    eventually(
        lambda: seen('scsync_feed_seconds_count{account="default",feed="verify",outcome="ok"}'),
        "a feed",
    )
    org.fault(match={"method": "PATCH"}, do={"status": 400, "code": "UNABLE_TO_LOCK_ROW"})
    (case, *_) = org.run(lambda it: it.query_rows("SELECT Id FROM Case WHERE IsClosed = false"))
    words = ["submit", "update", "Case", case["Id"], f"Subject={SUBJECT}"]
    command = site.run(*words).strip()
    with closing(Store(f"sqlite:///{site.folder / 'scsync.db'}")) as store, store.begin() as tx:
        findings.raise_(tx, "Case", FindingKind.DRIFT, "org and store differ", now=Clock()())
    eventually(lambda: seen("scsync_readback_seconds_count{"), "the record is read back")
    eventually(lambda: bool(receiver.at("/hook")), "the webhook")
    metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    assert daemon.terminate() == 0
    return Product(metrics, receiver, command, daemon.output())


def families(product: Product) -> dict[str, set[str]]:
    """The names of all samples, each with the labels that it was seen with."""
    found: dict[str, set[str]] = defaultdict(set)
    for family in text_string_to_metric_families(product.metrics):
        for sample in family.samples:
            found[sample.name] |= sample.labels.keys()
    return found


def expressions() -> list[tuple[str, str]]:
    """Every expression of the rules and of the dashboard, with where it stands."""
    rules = yaml.safe_load(RULES.read_text())["groups"]
    found = [(one["alert"], one["expr"]) for group in rules for one in group["rules"]]
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        found += [(panel["title"], one["expr"]) for one in panel.get("targets", ())]
    return found


def asked(expression: str) -> list[tuple[str, set[str]]]:
    """What an expression asks for: metrics, each with the labels that it must have."""
    return list(asked_by(promql.parse(expression), set()))


def asked_by(node: Any, labels: set[str]) -> Iterator[tuple[str, set[str]]]:
    match node:
        case promql.VectorSelector():
            yield node.name, labels | {one.name for one in node.matchers.matchers}
        case promql.MatrixSelector():
            yield from asked_by(node.vector_selector, labels)
        case promql.AggregateExpr():
            kept = set(node.modifier.labels) if node.modifier else set()
            yield from asked_by(node.expr, labels | kept)
        case promql.Call():
            for argument in node.args:
                yield from asked_by(argument, labels)
        case promql.BinaryExpr():
            yield from asked_by(node.lhs, labels)
            yield from asked_by(node.rhs, labels)
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            yield from asked_by(node.expr, labels)
        case promql.NumberLiteral() | promql.StringLiteral():
            return
        case _:
            raise TypeError(f"an expression that nobody looks into: {node!r}")


def test_all_that_is_asked_for_is_there(product: Product) -> None:
    """Each metric and each label of every rule and panel is one of a running product's."""
    known = families(product) | OF_PROMETHEUS
    missing = [
        (place, name, sorted(labels - known.get(name, set())))
        for place, expression in expressions()
        for name, labels in asked(expression)
        if name not in known or labels - known[name] - {"instance"}
    ]
    assert missing == []
    assert len(expressions()) > 50


def test_what_is_not_there_is_noticed() -> None:
    """The search above finds metrics and labels inside every kind of expression."""
    assert asked('sum by (a) (rate(x_total{b="1"}[5m])) > 0.5 * (y) or absent(z{c!="2"})') == [
        ("x_total", {"a", "b"}),
        ("y", set()),
        ("z", {"c"}),
    ]


def test_every_metric_is_documented_and_every_documented_one_exists(product: Product) -> None:
    """By its name in the text format, and with its labels; the account is said of all at once."""
    rows = re.findall(r"^\| `(scsync_\w+)(?:\{([\w, ]*)\})?` \|", PAGE, re.MULTILINE)
    documented = {name: set(re.findall(r"\w+", labels)) for name, labels in rows}
    real: dict[str, set[str]] = {}
    for name, labels in families(product).items():
        base = re.sub(r"_(bucket|count|sum)$", "", name)
        if name.startswith("scsync_"):
            assert "account" in labels, name
            own = labels - {"le", "account"}
            real[base if f"{base}_bucket" in families(product) else name] = own
    assert documented == real


def test_the_rules_are_whole() -> None:
    """What Prometheus requires, and what whoever is woken by one needs."""
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    names = [one["alert"] for one in group["rules"]]
    assert len(names) == len(set(names))
    for one in group["rules"]:
        assert one.keys() == {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"[A-Z]\w+", one["alert"])
        assert re.fullmatch(r"\d+[smhd]", one["for"])
        assert one["labels"]["severity"] in {"warning", "critical"}
        assert one["annotations"].keys() == {"summary", "description", "remedy"}
        assert f"`{one['alert']}`" in PAGE


@pytest.fixture
def promtool() -> str:
    """Prometheus's own judge of rules; only where nobody judges may it be missing."""
    program = os.environ.get("TEST_PROMTOOL") or shutil.which("promtool")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail(PROMTOOL_MISSING)
        pytest.skip(PROMTOOL_MISSING)
    return program


def test_the_rules_do_what_they_say(promtool: str) -> None:
    """Reckoned over figures of two accounts: who is called, and for which of them."""
    done = subprocess.run(
        [promtool, "test", "rules", str(TESTS)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_seen_to_fire() -> None:
    """An alert that never rang in a test might never ring."""
    alerts = set(re.findall(r"alert: (\w+)", RULES.read_text()))
    assert alerts == set(re.findall(r'alertname="(\w+)"', TESTS.read_text()))


def test_each_panel_is_of_the_account_that_was_chosen() -> None:
    """Whatever else one Prometheus watches."""
    board = json.loads(DASHBOARD.read_text())
    assert "account" in [one["name"] for one in board["templating"]["list"]]
    targets = [one["expr"] for panel in board["panels"] for one in panel.get("targets", ())]
    for expression in targets:
        assert expression.count('account="$account"') == len(asked(expression)), expression


def test_the_dashboard_shows_every_metric() -> None:
    """As its page says: nothing is documented that nobody would see."""
    before = PAGE.partition("## Alerts")[0]
    documented = set(re.findall(r"^\| `(scsync_\w+)", before, re.MULTILINE))
    panels = json.loads(DASHBOARD.read_text())["panels"]
    shown = {
        re.sub(r"_(bucket|count|sum)$", "", name)
        for panel in panels
        for one in panel.get("targets", ())
        for name, _ in asked(one["expr"])
    }
    assert documented - shown == set()


def test_the_dashboard_is_whole() -> None:
    """Panels by ids of their own that do not lie upon each other, each with a unit and a query."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({one["id"] for one in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for one in panels:
        at = one["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, one["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
        assert one["type"] == "row" or (one["targets"] and one["fieldConfig"]["defaults"]["unit"])


def test_the_scrape_tells_what_happened(product: Product) -> None:
    """One command, refused once by the org and then applied; a process that lives."""
    assert 'scsync_commands{account="default",state="applied"} 1.0' in product.metrics
    retried = r'^scsync_retries_total\{account="default",code="\w+",object="Case"\} 1\.0$'
    assert re.search(retried, product.metrics, re.MULTILINE)
    ended = '{account="default",object="Case",op="update",outcome="applied"} 1.0'
    assert f"\nscsync_attempts_total{ended}" in product.metrics
    assert 'scsync_processes{account="default",role="daemon"} 1.0' in product.metrics
    beat = re.search(r"^scsync_process_beat_age_seconds\{.*\} (\S+)", product.metrics, re.MULTILINE)
    assert beat
    assert float(beat[1]) < SILENT.total_seconds()
    assert SUBJECT not in product.metrics


def test_a_supervisor_that_is_not_there_is_said_once(product: Product) -> None:
    """And stops nothing: all the others are stories of this process."""
    assert product.log.count('"supervisor.unheard"') == 1


def test_a_command_is_one_trace_from_submission_to_read_back(product: Product) -> None:
    """Submitted by one process, taken up by another: claimed, sent, settled, read back."""
    (submitted,) = [one for one in spans(product) if one.name == "command.submit"]
    ours = [one for one in spans(product) if one.trace_id == submitted.trace_id]
    names = [one.name for one in sorted(ours, key=lambda one: one.start_time_unix_nano)]
    assert names[:3] == ["command.submit", "command.claim", "command.send"]
    assert {"command.settle", "org.request", "command.read_back"} <= set(names)
    assert names.count("command.send") >= 2
    by_id = {one.span_id: one for one in ours}
    (read,) = [one for one in ours if one.name == "command.read_back"]
    assert by_id[read.parent_span_id].name == "command.submit"
    requests = {by_id[one.parent_span_id].name for one in ours if one.name == "org.request"}
    assert {"command.send", "command.read_back"} <= requests


def test_cycles_and_windows_are_traces_from_the_clock_on(product: Product) -> None:
    """A message goes on in the trace of who sent it; what it leads to is part of it."""
    found = spans(product)
    by_id = {one.span_id: one for one in found}
    windows = [path(one, by_id) for one in found if one.name == "pull.window"]
    assert ["pull.ring", "message.pull", "pull.object", "pull.window"] in windows
    cycles = [path(one, by_id) for one in found if one.name == "pull.cycle"]
    assert ["pull.ring", "message.cycle", "pull.cycle"] in cycles
    assert "feed.turn" in {one.name for one in found}


def path(span: Any, by_id: dict[bytes, Any]) -> list[str]:
    """The names from the first span of a trace down to this one."""
    above = by_id.get(span.parent_span_id)
    return [*(path(above, by_id) if above else []), span.name]


def test_no_trace_holds_a_value_an_address_or_a_token(product: Product) -> None:
    """Neither what was written, nor where it went, nor by which right."""
    sent = b"".join(one.body for one in product.receiver.at("/v1/traces"))
    assert sent
    for secret in (SUBJECT, "Bearer", "services/data", SECRET):
        assert secret.encode() not in sent
        assert secret not in product.log


def test_an_incident_reaches_the_webhook_signed(product: Product) -> None:
    """By the account, with what to do; whoever has the secret can check who said it."""
    (told,) = product.receiver.at("/hook")
    assert signed(told)
    said = json.loads(told.body)
    assert said["type"] == "incident.opened"
    assert said["data"]["account"] == "default"
    assert (said["data"]["kind"], said["data"]["subject"]) == ("drift", "Case")
    assert "scsync verify --repair" in said["data"]["remedy"]


def signed(told: Told) -> bool:
    """Check a signature as Standard Webhooks tells receivers to."""
    content = f"{told.headers['webhook-id']}.{told.headers['webhook-timestamp']}.".encode()
    digest = hmac.new(KEY, content + told.body, hashlib.sha256).digest()
    return told.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


def spans(product: Product) -> list[Any]:
    found = []
    for one in product.receiver.at("/v1/traces"):
        request = ExportTraceServiceRequest.FromString(one.body)
        for resource in request.resource_spans:
            found += [span for scope in resource.scope_spans for span in scope.spans]
    return found
