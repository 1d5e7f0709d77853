"""`scsync report` and `scsync export`, as people and machines call them."""

import csv
import io
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from emulator.server import Emulator
from store.reports import CATALOG
from tests.cli.ages import between_birthdays
from tests.cli.conftest import Desk, Forks, login
from tests.cli.outbox import store_of


@pytest.fixture(scope="module")
def read(
    tmp_path_factory: pytest.TempPathFactory, forks: Forks, org: Emulator, migrated_sqlite: Path
) -> Desk:
    """A folder whose store was pulled once: these tests only look."""
    folder = tmp_path_factory.mktemp("reports")
    shutil.copy(migrated_sqlite, folder / "scsync.db")
    desk = Desk(folder, forks, login(org))
    assert desk.run("pull").code == 0
    with closing(store_of(desk)) as store:
        between_birthdays(store)
    return desk


def test_without_a_name_reports_are_listed(read: Desk) -> None:
    """One line each on a terminal; with their columns and meanings for machines."""
    listed = read.run("report")
    assert [line.split()[0] for line in listed.out.splitlines()[1:]] == list(CATALOG)
    described = {one["name"]: one for one in read.run("report", "--json").document()}
    assert described["open_cases"]["columns"][0]["meaning"] == "The case."


@pytest.mark.parametrize("name", CATALOG)
def test_a_report_fits_a_terminal(read: Desk, name: str) -> None:
    """No line is wider than 80 places, what it is about is there, and what did not fit is named."""
    done = read.run("report", name, "--limit", "5")
    lines, _, hidden = done.out.partition("also there, with --csv or --json: ")
    title, heads, *_ = lines.splitlines()
    assert (done.code, title) == (0, CATALOG[name].title)
    assert max(map(len, done.out.splitlines())) <= 80
    assert "fresh as of 20" in done.out
    assert set(CATALOG[name].tells) <= {*heads.lower().split()}
    told = {*heads.lower().split(), *hidden.replace(",", " ").split()}
    assert told == {one.name for one in CATALOG[name].columns}


def test_none_is_told_from_never_read(read: Desk, bare: Desk, migrated_sqlite: Path) -> None:
    """An empty answer is as old as what was read; of what was never read, it says that."""
    nobody = ("report", "open_cases", "--where", "priority=Nobody")
    assert "0 of 0 rows, fresh as of 20" in read.run(*nobody).out
    assert read.run(*nobody, "--count").said == ""
    shutil.copy(migrated_sqlite, bare.folder / "scsync.db")
    for more in ((), ("--count",), ("--csv",)):
        done = bare.run("report", "milestones", *more)
        assert "not all of CaseMilestone, Case was read to its end" in done.said
        assert "fresh as of" not in done.out
    done = bare.run("export", "cases", "report_milestones", "--to", "out")
    assert "not all of Case was read to its end" in done.said
    assert "not all of CaseMilestone, Case was read to its end" in done.said
    assert "read to its end" not in read.run("export", "cases", "--to", "whole").said


def test_what_the_org_hides_is_told_with_the_figures_that_hang_on_it(
    bare: Desk, own_org: Emulator, migrated_sqlite: Path
) -> None:
    """They are not fresh as of anything; the doctor knows the remedy, and once mended all is well."""
    shutil.copy(migrated_sqlite, bare.folder / "scsync.db")
    bare.settings |= login(own_org)
    own_org.control("POST", "fields", {"sobject": "Case", "hide": "ClosedDate"})
    bare.run("pull")
    for more in ((), ("--count",), ("--csv",)):
        done = bare.run("report", "cases_by_day", *more)
        assert "not readable: Case.ClosedDate, which these figures hang on" in done.said
        assert "fresh as of" not in done.out
    assert "fresh as of" in bare.run("report", "open_cases").out
    (found,) = [one for one in bare.run("doctor", "--json").document() if one["topic"] == TOPIC]
    assert found["verdict"] == "warning"
    assert "Case.ClosedDate (cases_by_day, open_spells," in found["evidence"]
    own_org.control("POST", "fields", {"sobject": "Case", "show": "ClosedDate"})
    (found,) = [one for one in bare.run("doctor", "--json").document() if one["topic"] == TOPIC]
    assert found["verdict"] == "ok"
    bare.run("pull")
    assert "fresh as of" in bare.run("report", "cases_by_day").out


TOPIC = "report fields"


def test_indexes_are_made_by_the_first_who_asks(
    bare: Desk, org: Emulator, migrated_sqlite: Path
) -> None:
    """Once, and it is said; the second finds them there."""
    shutil.copy(migrated_sqlite, bare.folder / "scsync.db")
    bare.settings |= login(org)
    bare.run("pull", "Case")
    first, second = (bare.run("report", "open_cases", "--count") for _ in range(2))
    assert "indexes for reports (once)" in first.said
    assert (second.said, first.out) == ("", second.out)


def test_the_same_rows_come_in_every_form(read: Desk) -> None:
    """CSV, JSON, Parquet and the count agree, conditions and order included."""
    asked = ("report", "open_cases", "--where", "status!=New", "--order", "age_days desc, id")
    lines = list(csv.DictReader(io.StringIO(read.run(*asked, "--csv").out)))
    objects = read.run(*asked, "--json").objects()
    said = read.run(*asked, "--parquet", "out/open.parquet")
    table = pq.read_table(read.folder / "out" / "open.parquet").to_pylist()
    assert int(read.run(*asked, "--count").out) == len(lines) == len(objects) == len(table) > 3
    assert f"{len(lines)} rows in out/open.parquet" in said.said
    for line, one, row in zip(lines, objects, table, strict=True):
        assert line["id"] == one["id"] == row["id"]
        assert line["status"] != "New"
        assert int(line["age_days"]) == one["age_days"] == row["age_days"]
        assert line["is_escalated"] == str(one["is_escalated"]).lower()
        assert line["created_date"] == one["created_date"]
        stamp = row["created_date"].astimezone(UTC)
        assert one["created_date"] == f"{stamp:%Y-%m-%dT%H:%M:%S}.000Z"


def test_no_rows_are_not_all_rows(read: Desk) -> None:
    """Whoever asks for none is told how many there are."""
    number = int(read.run("report", "open_cases", "--count").out)
    assert f"0 of {number} rows" in read.run("report", "open_cases", "--limit", "0").out


def test_a_folder_that_is_a_file_is_named(read: Desk) -> None:
    """As what cannot be written, and why."""
    (read.folder / "taken").touch()
    done = read.run("export", "cases", "--to", "taken")
    assert (done.code, "taken/cases.parquet cannot be written: " in done.err) == (2, True)


def test_a_condition_may_be_repeated(read: Desk) -> None:
    """Each holds, those on one column as well."""
    every = read.run("report", "open_cases", "--json").objects()
    one, other, *_ = sorted({row["status"] for row in every})
    neither = ("--where", f"status!={one}", "--where", f"status!={other}")
    expected = [row for row in every if row["status"] not in {one, other}]
    assert read.run("report", "open_cases", *neither, "--json").objects() == expected != []
    assert int(read.run("report", "open_cases", *neither, "--count").out) == len(expected)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["closed_cases"], "there is no report closed_cases: open_cases"),
        (["open_cases", "--where", "colour=red"], "has no column colour"),
        (["open_cases", "--where", "nonsense"], "write COLUMN=VALUE"),
        (["open_cases", "--order", "id;"], "is no order"),
        (["open_cases", "--csv", "--json"], "one of --csv, --json"),
        (
            ["open_spells", "--where", "until>2020-03-01T09:00:00Z", "--count"],
            "reaches back 100 days",
        ),
        (["open_cases", "--where", f"age_days={'9' * 20}"], "takes a whole number of 64 bits"),
        (["--csv"], "name the report that this is about"),
        (["--limit", "3"], "name the report that this is about"),
        (["open_cases", "--parquet", "/proc/x.parquet"], "/proc/x.parquet cannot be written: "),
    ],
)
def test_a_question_that_will_not_do_exits_2(read: Desk, words: list[str], said: str) -> None:
    """And says what there is instead."""
    done = read.run("report", *words)
    assert done.code == 2
    assert said in " ".join(done.err.replace("│", " ").split())


def test_tables_are_exported_as_they_stand(read: Desk) -> None:
    """Tombstones and columns of custom fields included; a report is a table, too."""
    done = read.run("export", "Case", "users", "open_cases", "--to", "all", "--json")
    sizes = {Path(one["file"]).name: one["rows"] for one in done.document()}
    status = read.run("status", "--json").document()["objects"]
    cases = pq.read_table(read.folder / "all" / "cases.parquet")
    assert cases.num_rows == sizes["cases.parquet"]
    assert cases.num_rows == status["Case"]["rows"] + status["Case"]["tombstones"]
    assert str(cases.schema.field("created_date").type) == "timestamp[ms, tz=UTC]"
    assert {"severity__c", "deleted_cause", "is_closed"} <= set(cases.column_names)
    assert sizes["report_open_cases.parquet"] == int(
        read.run("report", "open_cases", "--count").out
    )
    assert sorted(path.name for path in (read.folder / "all").iterdir()) == sorted(sizes)


def test_csv_has_the_same_rows(read: Desk) -> None:
    """Values as the store has them: instants in UTC, flags as words, nothing as nothing."""
    read.run("export", "cases", "--to", "csv", "--format", "csv")
    read.run("export", "cases", "--to", "csv")
    lines = list(csv.DictReader(io.StringIO((read.folder / "csv" / "cases.csv").read_text())))
    rows = pq.read_table(read.folder / "csv" / "cases.parquet").to_pylist()
    assert len(lines) == len(rows) > 100
    by_id = {row["id"]: row for row in rows}
    for line in lines:
        row = by_id[line["id"]]
        assert line["is_closed"] == str(row["is_closed"]).lower()
        assert line["subject"] == (row["subject"] or "")
        assert bool(line["deleted_at"]) == (row["deleted_at"] is not None)


def test_words_of_customers_come_as_they_are_written(
    read: Desk, tmp_path: Path, forks: Forks
) -> None:
    """Machines read these files: what a spreadsheet would compute is the spreadsheet's to mind."""
    shutil.copy(read.folder / "scsync.db", tmp_path)
    with closing(sqlite3.connect(tmp_path / "scsync.db")) as store, store:
        store.execute("UPDATE cases SET subject = '=1+1|cmd'")
    desk = Desk(tmp_path, forks, read.settings)
    desk.run("export", "cases", "--to", "out", "--format", "csv")
    for text in (
        desk.run("report", "open_cases", "--csv").out,
        (tmp_path / "out" / "cases.csv").read_text(),
    ):
        assert {line["subject"] for line in csv.DictReader(io.StringIO(text))} == {"=1+1|cmd"}


@pytest.mark.parametrize("words", ["a\rb", "a\nb", "a\r\nb", 'say "a", or b', "\r", "end\n"])
def test_csv_gives_back_what_was_written(
    read: Desk, tmp_path: Path, forks: Forks, words: str
) -> None:
    """Whatever ends a line in it or parts fields: a record stays one record, ended by a newline."""
    shutil.copy(read.folder / "scsync.db", tmp_path)
    with closing(sqlite3.connect(tmp_path / "scsync.db")) as store, store:
        store.execute("UPDATE cases SET subject = ?", (words,))
    desk = Desk(tmp_path, forks, read.settings)
    desk.run("export", "cases", "report_open_cases", "--to", "out", "--format", "csv")
    for name in ("cases", "report_open_cases"):
        text = (tmp_path / "out" / f"{name}.csv").read_bytes().decode()
        rows = [*csv.DictReader(io.StringIO(text, newline=""))]
        assert {row["subject"] for row in rows} == {words}
        assert text.partition("\n")[0].split(",") == [*rows[0]]


def test_what_cannot_be_exported_is_told_with_what_can(read: Desk) -> None:
    """Before any file is begun."""
    done = read.run("export", "cases", "cassettes", "--to", "none")
    assert (done.code, (read.folder / "none").exists()) == (2, False)
    assert "there is no table or report cassettes: users, groups, accounts" in done.err


def test_a_missing_parquet_library_is_named_by_its_extra(read: Desk) -> None:
    """Nothing is written, and CSV is offered."""
    without = "import sys; sys.modules['pyarrow'] = None; from cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", without, "export", "cases", "--to", "none"],
        cwd=read.folder,
        env=read.env(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "scsync[parquet]" in done.stderr
    assert "--format csv" in done.stderr
    assert not (read.folder / "none").exists()
