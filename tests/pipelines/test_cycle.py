"""A cycle asks five objects at the price of one call, and an object's trouble is its own."""

from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from emulator.server import Emulator
from models import CATALOG, by_name
from models.run import RunOutcome
from pipelines.budget import Held
from pipelines.cycle import Cycle
from pipelines.pull import Pulled
from store import watermarks
from store.engine import Store
from tests.pipelines.comparing import differences
from tests.pipelines.reading import Reader
from tests.pipelines.relay import relay

FIVES = -(-len(CATALOG) // 5)


def _cycle(reader: Reader, *sobjects: str, **parts: Any) -> dict[str, Pulled]:
    models = [by_name(name) for name in sobjects] or list(CATALOG)
    results = Cycle(puller=reader.puller(**parts)).run(models)
    return {result.sobject: result for result in results}


def _first(reader: Reader) -> None:
    reader.cycle()
    reader.later(60)
    assert {one.outcome for one in _cycle(reader).values()} == {RunOutcome.OK}
    reader.org.control("DELETE", "requests")


def _calls(reader: Reader) -> dict[str, int]:
    counts: dict[str, int] = reader.org.requests()["counts"]
    return counts


def test_a_quiet_cycle_costs_a_call_for_five_objects(reader: Reader) -> None:
    """Nothing changed: three composite calls for fourteen objects, and the free list of versions."""
    _first(reader)
    used = reader.org.limits()["used"]
    results = _cycle(reader)
    assert {result.outcome for result in results.values()} == {RunOutcome.OK}
    assert {result.rows_written for result in results.values()} == {0}
    assert reader.org.limits()["used"] - used == FIVES
    assert {name: reader.run(name).outcome for name in results} == dict.fromkeys(results, "ok")
    assert {reader.mark(name).owner for name in results} == {None}


def test_what_changed_comes_with_the_cycle(reader: Reader) -> None:
    """A change, a delete and a flood of several pages, among objects in which nothing happened."""
    _first(reader)
    case = _any(reader, "Case")
    reader.org.act("update", sobject="Case", id=case, fields={"Subject": "Changed"})
    reader.org.act("delete", sobject="WorkOrder", id=_any(reader, "WorkOrder"))
    flood = reader.org.act("burst", sobject="CaseComment", n=70)
    results = _cycle(reader, page_size=20)
    assert results["Case"].rows_written == 1
    assert (results["CaseComment"].rows_written, results["CaseComment"].pages) == (len(flood), 4)
    assert differences(reader.org, reader.store, "Case", "WorkOrder", "CaseComment") == []
    assert reader.run("CaseComment").pages == 4


def _any(reader: Reader, sobject: str) -> str:
    query = f"SELECT Id FROM {sobject} LIMIT 1"  # noqa: S608
    return str(reader.org.run(lambda org: org.query_rows(query))[0]["Id"])


@pytest.mark.parametrize(
    ("deed", "outcome"),
    [
        ({"status": 503, "html": True}, "failed"),
        ({"drop": "after"}, "failed"),
        ({"status": 405, "code": "METHOD_NOT_ALLOWED"}, "ok"),
        ({"status": 404, "code": "NOT_FOUND"}, "ok"),
    ],
    ids=["html", "dropped", "not allowed", "not there"],
)
def test_trouble_with_the_whole_call(
    sqlite_reader: Reader, deed: dict[str, Any], outcome: str
) -> None:
    """Trouble of the line is each one's, until the next cycle; an org without it is asked singly."""
    reader = sqlite_reader
    _first(reader)
    case = _any(reader, "Case")
    reader.org.act("update", sobject="Case", id=case, fields={"Subject": "Changed"})
    reader.org.fault(match={"path": "/composite"}, do=deed)
    results = _cycle(reader, "Account", "Case", "User")
    assert {result.outcome for result in results.values()} == {outcome}
    assert {reader.mark(name).owner for name in results} == {None}
    reader.org.clear_faults()
    assert _cycle(reader, "Case")["Case"].outcome == "ok"
    assert reader.row("Case", case)["subject"] == "Changed"


def test_one_objects_error_is_its_own(desk: Emulator, store: Store) -> None:
    """Of five answers one is an error, another cannot be read: the rest is stored all the same."""

    def spoil(path: str, document: Any) -> Any:
        if "/composite" in path:
            for part in document["compositeResponse"]:
                if part["referenceId"] == "query1":
                    error = {"errorCode": "UNKNOWN_EXCEPTION", "message": "try again"}
                    part.update(httpStatusCode=500, body=[error])
                if part["referenceId"] == "query2":
                    part["body"]["done"] = False
        return document

    with relay(desk.url, spoil) as url, closing(Reader(desk, store, login_url=url)) as reader:
        reader.cycle()
        reader.later(60)
        results = _cycle(reader, "User", "Account", "Contact", "Case")
    found = {name: result.outcome for name, result in results.items()}
    assert found == {"User": "ok", "Account": "failed", "Contact": "ok", "Case": "ok"}
    assert results["Account"].error_code == "UNKNOWN_EXCEPTION"


def test_a_hidden_field_takes_one_object_out_of_the_call(reader_of: Any) -> None:
    """The describe is an hour old, the field is gone: the object is described and read again."""
    reader = reader_of()
    _first(reader)
    reader.org.control("POST", "fields", {"sobject": "Case", "hide": "Origin"})
    case = _any(reader, "Case")
    reader.org.act("update", sobject="Case", id=case, fields={"Subject": "Changed"})
    results = _cycle(reader)
    assert {result.outcome for result in results.values()} == {"ok"}
    assert reader.row("Case", case)["subject"] == "Changed"


def test_objects_that_others_read_are_left_to_them(reader: Reader) -> None:
    """Two cycles at once: what one holds, the other reports as busy and does not touch."""
    _first(reader)
    with reader.store.begin() as tx:
        assert watermarks.take(tx, "Case", owner="another", now=reader.clock())
    results = _cycle(reader, "Account", "Case")
    assert (results["Account"].outcome, results["Case"].outcome) == ("ok", None)
    assert reader.mark("Case").owner == "another"


def test_a_crash_between_the_pages_of_a_cycle_is_resumed(reader: Reader) -> None:
    """The follow-up of a full first page breaks off: the next cycle goes on from there."""
    _first(reader)
    flood = reader.org.act("burst", sobject="Case", n=100)
    reader.org.fault(match={"path": "/queryAll.*FROM Case "}, do={"drop": "before"}, nth=2)
    broken = _cycle(reader, "Case", page_size=20)["Case"]
    assert (broken.outcome, broken.rows_read) == ("failed", 40)
    assert reader.mark().until is not None
    mended = _cycle(reader, "Case", page_size=20)["Case"]
    assert (mended.outcome, broken.rows_written + mended.rows_written) == ("ok", len(flood))
    assert differences(reader.org, reader.store, "Case") == []


def test_first_loads_go_their_own_way(reader: Reader) -> None:
    """A cycle over an empty store brings it all."""
    results = _cycle(reader)
    assert {result.outcome for result in results.values()} == {"ok"}
    assert differences(reader.org, reader.store) == []


def test_a_held_cycle_keeps_its_place(reader: Reader) -> None:
    """The budget holds calls back: objects are `held`, nothing moves, and the next one goes on."""
    _first(reader)
    before = reader.mark().since

    def refuse(_kind: str) -> None:
        raise Held("no calls left for pulls", code="BUDGET_HELD")

    with closing(reader.new_client(before_call=refuse)) as client:
        results = _cycle(reader, "Account", "Case", client=client)
    assert {result.outcome for result in results.values()} == {"held"}
    assert (reader.mark().since, reader.run().outcome) == (before, "held")
    reader.later(timedelta(minutes=1).total_seconds())
    assert _cycle(reader, "Case")["Case"].outcome == "ok"
