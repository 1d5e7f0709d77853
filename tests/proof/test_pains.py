"""What hurts users of other tools, by rank: each replayed against the org, and not felt here.

The numbers are those of the study of peers, section C: what was reported of them in public.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from emulator.server import Emulator
from models import by_name
from models.field_state import FieldStatus
from pipelines import health
from pipelines.cycle import Cycle
from pipelines.pull import Pulled
from store import backfills, feeds, fields, findings
from store.engine import Store
from tests.pipelines.comparing import differences
from tests.pipelines.reading import Reader, approve_again
from tests.pipelines.shared import reader_of
from tests.store.shared import postgres_store, run_postgres, run_sqlite, sqlite_store, store

__all__ = ["postgres_store", "reader_of", "run_postgres", "run_sqlite", "sqlite_store", "store"]

ROOT = Path(__file__).parents[2]
SCSYNC = str(Path(sys.executable).with_name("scsync"))
CASE = {"sobject": "Case"}


@pytest.fixture
def reader(store: Store) -> Iterator[Reader]:
    """An org of its own, to be spoilt, read into either database."""
    with Emulator(cases=200) as org, closing(Reader(org, store)) as made:
        yield made


def _case(reader: Reader, **values: Any) -> str:
    made: str = reader.org.act("create", **CASE, fields={"Origin": "Web", **values})
    return made


def _equal(reader: Reader, sobject: str = "Case") -> bool:
    return differences(reader.org, reader.store, sobject) == []


def _by_bulk(reader: Reader, sobject: str = "Case", **parts: Any) -> Pulled:
    return reader.puller(reader.backfiller(**parts)).pull(by_name(sobject))


def _row(reader: Reader, record_id: str) -> dict[str, Any]:
    """Read a row with the columns that were added at run time."""
    mark = "?" if reader.store.is_sqlite else "%s"
    with reader.store.read() as tx:
        query = f"SELECT * FROM cases WHERE id = {mark}"  # noqa: S608
        return dict(tx.exec_driver_sql(query, (record_id,)).mappings().one())


def _findings(reader: Reader) -> dict[str, str]:
    with reader.store.read() as tx:
        return {one.kind: one.message for one in findings.every(tx)}


def _fields(reader: Reader, **change: Any) -> None:
    """Have an administrator change the schema, and our describe grow old."""
    reader.org.control("POST", "fields", {**CASE, **change})
    reader.describes = reader.new_describes()
    reader.sql("DELETE FROM scsync_descriptions")


def test_rows_that_appear_late(reader: Reader) -> None:
    """Pain 1: committed after the cursor has passed their stamp, they come all the same."""
    reader.pull()
    case = _case(reader, Subject="before")
    late = {"act": "update", **CASE, "id": case, "fields": {"Subject": "late"}}
    reader.org.act("hold", seconds=3, then=[late])
    newer = _case(reader)
    reader.pull()
    reader.later(4)
    reader.pull()
    row, other = reader.row("Case", case), reader.row("Case", newer)
    assert row["subject"] == "late"
    assert row["system_modstamp"] <= other["system_modstamp"]
    assert _equal(reader)


def test_many_rows_of_one_stamp(reader: Reader) -> None:
    """Pain 2: more of them than a page holds, twice, at one row a page: none skipped, no loop."""
    reader.pull()
    for _ in range(2):
        reader.org.act("burst", **CASE, n=60)
        reader.later(1)  # stamps are whole seconds: within one, the next burst changes nothing
        assert reader.pull(page_size=1).rows_written >= 60
    assert _equal(reader)


def test_purged_rows(reader: Reader) -> None:
    """Pain 6: in the bin, purged, or gone without any trace: three tombstones, three causes."""
    binned, purged, lost = (_case(reader) for _ in range(3))
    reader.pull()
    reader.org.act("delete", **CASE, id=binned)
    reader.org.act("purge", ids=[purged])
    reader.later(120)
    reader.pull()
    reader.deletes()
    reader.org.act("purge", ids=[lost])
    reader.later(120)
    now = datetime.fromisoformat(reader.org.control("GET", "health")["now"])
    reader.org.control("POST", "deletes", {"purged_before": now.isoformat()})
    reader.verifier().verify(by_name("Case"))
    causes = [reader.row("Case", one)["deleted_cause"] for one in (binned, purged, lost)]
    assert causes == ["bin", "purged", "unseen"]
    assert all(reader.row("Case", one)["deleted_at"] for one in (binned, purged, lost))


def test_a_token_that_changes_midway(reader_of: Callable[..., Reader]) -> None:
    """Pain 8: between two pages, or two parts of a download, with a token that rotates."""
    reader = reader_of(cases=600, rotation=True)
    reader.org.refresh_token = approve_again(reader.org)  # a grant of its own to compare with
    reader.org.fault(match={"path": "/queryAll.*FROM Case "}, nth=3, do={"expire": "session"})
    assert reader.pull(page_size=100).rows_read == 600
    assert _equal(reader)
    reader.org.refresh_token = approve_again(reader.org)
    reader.org.bulk(page_rows=100)
    reader.org.fault(match={"path": "/results"}, nth=3, do={"expire": "session"})
    assert _by_bulk(reader, "CaseComment").outcome == "ok"
    assert _equal(reader, "CaseComment")
    assert len(reader.org.faults()) == sum(one["hits"] for one in reader.org.faults()) == 2


def test_query_locators_that_are_lost(reader_of: Callable[..., Reader]) -> None:
    """Pain 9: the org breaks answers up and forgets the rest: no cursor of it is ever used."""
    reader = reader_of(cases=600)
    reader.org.control("POST", "query", {"page_rows": 100})
    refusal = {"status": 400, "code": "INVALID_QUERY_LOCATOR", "message": "invalid query locator"}
    reader.org.fault(match={"path": r"/query(All)?/"}, do=refusal, times=1_000)
    assert reader.pull().rows_read == 600
    assert reader.org.faults()[0]["hits"] == 0
    reader.org.clear_faults()
    assert _equal(reader)


def test_queries_that_take_too_long(reader_of: Callable[..., Reader]) -> None:
    """Pain 10: an org that answers for a year at a time, and counts no faster; Bulk unordered."""
    reader = reader_of(cases=600)
    year = timedelta(days=365).total_seconds()
    slow = {"sobject": "Case", "widest_window": year, "aggregates_too": True}
    reader.org.control("POST", "query", slow)
    first = reader.pull()
    assert (first.outcome, first.rows_read) == ("ok", 600)
    reader.org.control("DELETE", "requests")
    assert reader.pull(backfill=True).outcome == "ok"
    timed_out = [one for one in reader.org.requests()["recent"] if one["status"] == 400]
    assert len(timed_out) < 15, "the size that worked was not remembered"
    reader.org.control("POST", "query", {"sobject": "Case", "widest_window": None})
    assert _equal(reader)
    assert _by_bulk(reader, "CaseComment").outcome == "ok"
    with reader.store.read() as tx:
        assert (found := backfills.get(tx, "CaseComment"))
        assert found.mode == "bulk"


def test_success_over_a_hole(reader_of: Callable[..., Reader]) -> None:
    """Pain 11: one object fails: its result says so, the others came; zero after many is odd."""
    reader = reader_of()
    reader.org.fault(match={"path": "FROM Asset "}, do={"status": 500}, times=100)
    models = [by_name(name) for name in ("Asset", "Case")]
    results = {one.sobject: one.outcome for one in Cycle(puller=reader.puller()).run(models)}
    assert (results, _equal(reader)) == ({"Asset": "failed", "Case": "ok"}, True)
    ids = [row["Id"] for row in reader.org.run(lambda org: org.query_rows("SELECT Id FROM Case"))]
    reader.org.control("POST", "sharing", {"hide": ids})
    result = reader.pull(backfill=True)
    assert (result.rows_read, reader.count() >= 200) == (0, True)
    assert "nothing was removed" in _findings(reader)["zero_rows"]


def test_a_job_that_is_stuck(reader_of: Callable[..., Reader]) -> None:
    """Pain 12: it is aborted, replaced and cleared away; and silence is told, whoever looks well."""
    reader = reader_of()
    reader.org.bulk(stuck=1)
    assert _by_bulk(reader, stuck_after=timedelta(seconds=0.5)).outcome == "ok"
    assert _equal(reader)
    assert reader.org.control("GET", "bulk").get("jobs", []) == []
    now = reader.clock() + timedelta(hours=2)
    health.look(
        [by_name("Case")], store=reader.store, interval=lambda *_: timedelta(minutes=1), now=now
    )
    assert "no good run since" in _findings(reader)["silence"]


@pytest.mark.parametrize("change", [{"remove": "Tier__c"}, {"rename": "Tier__c"}], ids=str)
def test_a_field_that_is_gone(reader: Reader, change: dict[str, Any]) -> None:
    """Pain 14: removed or renamed, the pull goes on, the column keeps its values, it is told."""
    _fields(reader, add={"name": "Tier__c", "type": "string", "length": 40})
    case = _case(reader, Tier__c="Gold")
    reader.pull()
    renamed = {"rename": {"from": "Tier__c", "to": "Level__c"}}
    _fields(reader, **(renamed if "rename" in change else change))
    reader.org.act("update", **CASE, id=case, fields={"Subject": "changed"})
    assert reader.pull().outcome == "ok"
    row = _row(reader, case)
    assert (row["subject"], row["tier__c"]) == ("changed", "Gold")
    assert "keeps what it holds" in _findings(reader)["field_frozen"]


def test_a_schema_change_that_wipes(reader: Reader) -> None:
    """Pain 15: retyped, hidden, or the object itself out of sight: no row, no value goes."""
    _fields(reader, add={"name": "Tier__c", "type": "string", "length": 40})
    case = _case(reader, Tier__c="Gold")
    reader.pull()
    before = reader.count()
    _fields(reader, retype={"name": "Tier__c", "type": "double", "precision": 9, "scale": 2})
    reader.org.act("update", **CASE, id=case, fields={"Tier__c": 7})
    reader.pull()
    assert _row(reader, case)["tier__c"] == "Gold"
    assert "7" in str(_row(reader, case)["extra"])
    reader.org.control("POST", "objects", {"hide": "Case"})
    reader.describes = reader.new_describes()
    reader.sql("DELETE FROM scsync_descriptions")
    assert (reader.pull().outcome, reader.count()) == ("skipped", before)


def test_a_field_that_is_hidden(reader: Reader) -> None:
    """Pain 16: not readable is told apart from empty: null comes as null, hidden as a finding."""
    empty, hidden = _case(reader, Description="words"), _case(reader, Description="words")
    reader.pull()
    reader.org.act("update", **CASE, id=empty, fields={"Description": None})
    reader.pull()
    assert reader.row("Case", empty)["description"] is None
    assert "field_frozen" not in _findings(reader)
    _fields(reader, hide="Description")
    reader.org.act("update", **CASE, id=hidden, fields={"Subject": "changed"})
    reader.pull()
    assert reader.row("Case", hidden)["description"] == "words"
    assert "hidden from this user" in _findings(reader)["field_frozen"]
    with reader.store.read() as tx:
        states = {one.api_name: one.status for one in fields.known(tx, "Case")}
    assert (states["Description"], states["Subject"]) == (FieldStatus.FROZEN, FieldStatus.ACTIVE)


PULL_AND_TELL = """
from benchmarks.measure import peak
from cli.main import program
program(["pull"])(["pull", "Case"], standalone_mode=False)
print(peak())
"""


@pytest.mark.parametrize("bulk_above", ["1000", "1000000"], ids=["bulk", "rest"])
def test_memory_that_grows(tmp_path: Path, bulk_above: str) -> None:
    """Pain 17: ten times the rows, the same memory, by Bulk and by REST."""
    peaks = []
    for cases in (2_000, 20_000):
        with Emulator(cases=cases) as org:
            url = f"sqlite:///{tmp_path / str(cases)}.db"
            env = _env(org, url) | {"SCSYNC_BULK_ABOVE": bulk_above, "PYTHONPATH": str(ROOT)}
            out = _run([sys.executable, "-c", PULL_AND_TELL], tmp_path, env)
            peaks.append(float(out.split()[-1]))
    assert peaks[1] < 200, f"{peaks} MB"
    assert peaks[1] < peaks[0] + 50, f"{peaks} MB"


WORDS = (None, "NA", "N/A", "#N/A", "null", "NULL", "None", "\\N", "-", "0", '"', "a,b", "x\ny")


def test_null_blank_and_na(reader: Reader) -> None:
    """Pain 19: each stays what it is, over REST and over Bulk, and a clear clears."""
    cases = {_case(reader, Subject="was", Description=word): word for word in WORDS}
    blank = _case(reader, Subject="was", Description="")  # the org makes it null
    for read in (reader.pull, lambda: _by_bulk(reader)):
        reader.sql("DELETE FROM cases")
        reader.sql("DELETE FROM scsync_watermarks")
        assert read().outcome == "ok"
        assert {one: reader.row("Case", one)["description"] for one in cases} == cases
        assert reader.row("Case", blank)["description"] is None
        assert _equal(reader)
    with reader.store.read() as tx:
        assert (found := backfills.get(tx, "Case"))
        assert found.mode == "bulk"
    na = next(one for one, word in cases.items() if word == "NA")
    reader.org.act("update", **CASE, id=na, fields={"Description": None})
    reader.later(10)
    reader.pull()
    assert reader.row("Case", na)["description"] is None


ZONES = ("Pacific/Kiritimati", "America/St_Johns", "UTC")  # +14:00, -03:30 and -02:30, +00:00
MOMENTS = (
    # The hour that St John's skips in spring, the one it has twice in autumn, and both date lines.
    *("2026-03-08T05:15:00Z", "2026-03-08T05:45:00Z", "2026-11-01T03:45:00Z"),
    *("2026-11-01T04:15:00Z", "2026-12-31T23:59:59Z", "2026-01-01T00:00:00Z"),
)


def _from_noon_on() -> Callable[[], datetime]:
    """Begin a day's work at noon: a status by date changes at midnight, without a stamp."""
    now = datetime.now(UTC)
    ahead = now.replace(hour=12, minute=0) - now
    return lambda: datetime.now(UTC) + ahead


def test_dates_in_three_zones(database_url: str, tmp_path: Path) -> None:
    """Pain 22: wherever the process runs, also over DST, no date and no instant moves."""
    with Emulator(cases=200, clock=_from_noon_on()) as org:
        for name, kind in (("Due__c", "date"), ("Seen__c", "datetime")):
            org.control("POST", "fields", {**CASE, "add": {"name": name, "type": kind}})
        for moment in MOMENTS:
            values = {"Due__c": moment[:10], "Seen__c": moment}
            org.act("create", **CASE, fields=values)
        tidings = []
        for zone, words in zip(ZONES, (["pull"], ["pull", "--backfill"], ["verify"]), strict=True):
            env = _env(org, database_url) | {"TZ": zone, "PGTZ": zone}
            out = _run([SCSYNC, *words, "Case", "Entitlement", "--json"], tmp_path, env)
            tidings.append(json.loads(out))
        with closing(Store(database_url)) as kept:
            assert differences(org, kept, "Case", "Entitlement") == []
    assert [one["rows_written"] for one in tidings[1]] == [0, 0], "another zone, other rows"
    assert [one["differences"] for one in tidings[2]] == [{}, {}]


def test_formulas_that_go_stale(reader: Reader) -> None:
    """Pain 23: what changes without a stamp is labelled, refreshed, and as fresh as it says."""
    case = _case(reader)
    reader.pull()
    reader.org.act("recompute", **CASE, id=case, fields={"ContactPhone": "2"})
    reader.later(10)
    reader.pull(settle=timedelta(0))
    with reader.store.read() as tx:
        states = {one.api_name: one.computed for one in fields.known(tx, "Case")}
    assert (bool(states["ContactPhone"]), bool(states["Subject"])) == (True, False)
    assert reader.mark().computed_through is None
    assert reader.refresh("Case").is_whole
    assert reader.row("Case", case)["contact_phone"] == "2"
    assert reader.mark().computed_through is not None


def test_a_delete_log_with_limits(reader_of: Callable[..., Reader]) -> None:
    """Pain 24: too long a span is never asked for, too many ids are split, a gap is swept."""
    reader = reader_of()
    some = [_case(reader) for _ in range(30)]
    reader.pull()
    with reader.store.begin() as tx:
        long_ago = datetime.now(UTC) - timedelta(days=40)
        feeds.deletes_read(tx, "Case", through=long_ago, now=long_ago)
    assert reader.deletes().has_gap
    asked = [one for one in reader.org.requests()["recent"] if one["path"].endswith("/deleted/")]
    assert {one["status"] for one in asked} == {200}, "the org had to refuse a span"
    for place in range(0, 20, 5):
        reader.org.act("purge", ids=some[place : place + 5])
        reader.later(90)
    reader.org.control("POST", "deletes", {"most_ids": 6})
    found = reader.deletes()
    assert (found.has_gap, found.purged) == (False, 20)
    reader.org.act("purge", ids=some[20:])
    reader.later(300)
    now = datetime.fromisoformat(reader.org.control("GET", "health")["now"])
    reader.org.control("POST", "deletes", {"purged_before": now.isoformat(), "most_ids": 600_000})
    assert reader.deletes().has_gap
    assert "scsync verify Case" in _findings(reader)["delete_log_gap"]
    assert reader.mark().verified_at is None, "the sweep is not due at once"
    reader.verifier().verify(by_name("Case"))
    assert {reader.row("Case", one)["deleted_cause"] for one in some[20:]} == {"unseen"}
    assert "delete_log_gap" not in _findings(reader)


def _env(org: Emulator, url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SCSYNC_")}
    return kept | {
        "SCSYNC_DATABASE_URL": url,
        "SCSYNC_LOGIN_URL": org.url,
        "SCSYNC_CLIENT_ID": org.client_id,
        "SCSYNC_CLIENT_SECRET": org.client_secret,
        "SCSYNC_REFRESH_TOKEN": org.refresh_token,
    }


def _run(words: list[str], folder: Path, env: dict[str, str]) -> str:
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
