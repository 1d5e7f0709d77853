"""The floor of a load by Bulk API 2.0: one job, its pages one after the other, one upsert a page.

PostgreSQL is given the bytes as they come (`COPY`, then one upsert of the page); SQLite what the
csv module makes of them (`executemany`). Nothing of scsync in it: it compares no stamps, shares
nothing with other workers and begins anew when it is broken off.
"""

import csv
import io
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import httpx
import psycopg
from isal import isal_zlib

from benchmarks.floor import SQL_TYPES
from benchmarks.measure import Figures, Spec, case, measured

JOBS = "/services/data/v67.0/jobs/query"
PAGE = 50_000
PAUSE = 0.1  # s between looks at the job

Chunks = Iterator[bytes]


class Job:
    """One query job and the pages of its result."""

    def __init__(self, spec: Spec) -> None:
        names = ", ".join(api for api, _, _ in spec.soql_fields)
        self._query = f"SELECT {names} FROM {spec.sobject}"  # noqa: S608
        self._http = httpx.Client(
            base_url=spec.org,
            headers={"Authorization": f"Bearer {spec.token}", "Accept-Encoding": "gzip"},
            timeout=120,
        )

    def pages(self) -> Iterator[tuple[int, Chunks]]:
        """Give each page's number of records, and its bytes."""
        path = self._complete()
        locator: str | None = ""
        while locator is not None:
            with self._page(path, locator) as (locator, records, chunks):
                yield records, chunks

    def _complete(self) -> str:
        asked = {"operation": "queryAll", "query": self._query}
        path = f"{JOBS}/{self._http.post(JOBS, json=asked).raise_for_status().json()['id']}"
        while (state := self._http.get(path).raise_for_status().json()["state"]) != "JobComplete":
            if state in {"Failed", "Aborted"}:
                raise SystemExit(f"the job ended {state}")
            time.sleep(PAUSE)
        return path

    @contextmanager
    def _page(self, path: str, locator: str) -> Iterator[tuple[str | None, int, Chunks]]:
        asked = {"maxRecords": str(PAGE)} | ({"locator": locator} if locator else {})
        with self._http.stream("GET", f"{path}/results", params=asked) as answer:
            answer.raise_for_status()
            after = answer.headers["sforce-locator"]
            records = int(answer.headers["sforce-numberofrecords"])
            yield (None if after == "null" else after), records, _inflated(answer)


def _inflated(answer: httpx.Response) -> Chunks:
    if answer.headers.get("content-encoding") != "gzip":
        yield from answer.iter_raw()
        return
    inflater = isal_zlib.decompressobj(wbits=31)
    for packed in answer.iter_raw():
        yield inflater.decompress(packed)


def into_sqlite(spec: Spec, figures: Figures) -> None:
    columns = [column for _, column, _ in spec.soql_fields]
    updates = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "id")
    marks = ", ".join(["NULLIF(?, '')"] * len(columns))
    upsert = (
        f"INSERT INTO cases ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
        f" ON CONFLICT (id) DO UPDATE SET {updates}"
    )
    with closing(sqlite3.connect(spec.database, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        names = ", ".join(columns).replace("id,", "id TEXT PRIMARY KEY,", 1)
        database.execute(f"CREATE TABLE cases ({names})")
        with measured(figures):
            for records, chunks in Job(spec).pages():
                text = io.TextIOWrapper(io.BytesIO(b"".join(chunks)), "utf-8", newline="")
                rows = csv.reader(text)
                next(rows)
                database.execute("BEGIN IMMEDIATE")
                database.executemany(upsert, rows)
                database.execute("COMMIT")
                figures.rows += records


def into_postgresql(spec: Spec, figures: Figures) -> None:
    columns = [column for _, column, _ in spec.soql_fields]
    names = ", ".join(columns)
    types = [SQL_TYPES[kind] for _, _, kind in spec.soql_fields]
    definitions = ", ".join(map(" ".join, zip(columns, types, strict=True)))
    updates = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "id")
    copy_bytes = f"COPY stage ({names}) FROM STDIN (FORMAT csv, HEADER, FORCE_NULL ({names}))"
    merge = f"INSERT INTO cases SELECT * FROM stage ON CONFLICT (id) DO UPDATE SET {updates}"  # noqa: S608
    with psycopg.connect(spec.database) as database:
        database.execute(f"CREATE TABLE cases ({definitions}, PRIMARY KEY (id))")
        database.execute("CREATE TEMP TABLE stage (LIKE cases) ON COMMIT DELETE ROWS")
        database.commit()
        with measured(figures), database.cursor() as cursor:
            for records, chunks in Job(spec).pages():
                with cursor.copy(copy_bytes) as copy:
                    for chunk in chunks:
                        copy.write(chunk)
                cursor.execute(merge)
                database.commit()
                figures.rows += records


def run(spec: Spec) -> Figures:
    load: Callable[[Spec, Figures], None] = into_sqlite
    if spec.database.startswith("postgresql"):
        load = into_postgresql
    figures = Figures()
    load(spec, figures)
    return figures


if __name__ == "__main__":
    case(run)
