"""The floor: the barest loop that still upserts; nothing of scsync in it.

Fetch a page, parse it, one upsert statement, commit; then the next. It keeps no watermark,
compares no stamps, knows no deletes and recovers from nothing.
"""

import sqlite3
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import psycopg
from isal import isal_zlib

from benchmarks.measure import Figures, Spec, case, measured

PAGE = 2000
Rows = list[tuple[Any, ...]]
TEXT_TYPES = {"whole": int, "number": float, "flag": bool}
_REAL_TYPES = {**TEXT_TYPES, "instant": datetime, "day": date, "number": Decimal}
SQL_TYPES = {
    "text": "text",
    "instant": "timestamptz",
    "day": "date",
    "number": "numeric",
    "whole": "int8",
    "flag": "bool",
}


class Pages:
    """Pages of Cases by key, each asked for in the words that scsync uses too."""

    def __init__(self, spec: Spec, types: dict[str, Any]) -> None:
        self.asked: list[str] = []
        self._spec = spec
        record = msgspec.defstruct(
            "Record",
            [(api, types.get(kind, str) | None, None) for api, _, kind in spec.soql_fields],
            gc=False,
        )
        answer = msgspec.defstruct("Answer", [("done", bool), ("records", list[record])])  # type: ignore[valid-type]
        self._decoder = msgspec.json.Decoder(answer)
        self._http = httpx.Client(
            base_url=spec.org,
            headers={"Authorization": f"Bearer {spec.token}", "Accept-Encoding": "gzip"},
            timeout=60,
        )

    def one_by_one(self) -> Iterator[Rows]:
        after = None
        while True:
            rows, after = self._page(after)
            yield rows
            if len(rows) < PAGE:
                return

    def ahead(self) -> Iterator[Rows]:
        """Fetch the next page in a thread while this one is being written."""
        with ThreadPoolExecutor(1) as fetcher:
            waiting = fetcher.submit(self._page, None)
            while True:
                rows, after = waiting.result()
                if len(rows) == PAGE:
                    waiting = fetcher.submit(self._page, after)
                yield rows
                if len(rows) < PAGE:
                    return

    def _page(self, after: tuple[str, str] | None) -> tuple[Rows, tuple[str, str] | None]:
        found: Any = self._decoder.decode(self._body(self._soql(after)))
        rows = [msgspec.structs.astuple(record) for record in found.records]
        if not found.records:
            return rows, None
        last = found.records[-1]
        stamp = last.SystemModstamp
        text = stamp.isoformat() if isinstance(stamp, datetime) else stamp
        return rows, (text[:19] + "Z", last.Id)

    def _soql(self, after: tuple[str, str] | None) -> str:
        since = after[0] if after else "1970-01-01T00:00:00Z"
        where = f"SystemModstamp >= {since} AND SystemModstamp < {self._spec.until}"
        if after:
            where += f" AND (SystemModstamp > {since} OR Id > '{after[1]}')"
        names = ", ".join(api for api, _, _ in self._spec.soql_fields)
        return (
            f"SELECT {names} FROM Case WHERE {where}"  # noqa: S608
            f" ORDER BY SystemModstamp, Id LIMIT {PAGE}"
        )

    def _body(self, soql: str) -> bytes:
        self.asked.append(soql)
        path = "/services/data/v67.0/queryAll"
        with self._http.stream("GET", path, params={"q": soql}) as response:
            response.raise_for_status()
            packed = b"".join(response.iter_raw())
        body: bytes = isal_zlib.decompress(packed, wbits=31, bufsize=len(packed) * 12)
        return body


def into_sqlite(spec: Spec, read: Callable[[Pages], Iterator[Rows]]) -> Figures:
    columns = [column for _, column, _ in spec.soql_fields]
    updates = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "id")
    upsert = (
        f"INSERT INTO cases ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
        f" ON CONFLICT (id) DO UPDATE SET {updates}"
    )
    figures = Figures()
    with closing(sqlite3.connect(spec.database, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        names = ", ".join(columns).replace("id,", "id TEXT PRIMARY KEY,", 1)
        database.execute(f"CREATE TABLE cases ({names})")
        with measured(figures):
            for rows in read(Pages(spec, TEXT_TYPES)):
                database.execute("BEGIN IMMEDIATE")
                database.executemany(upsert, rows)
                database.execute("COMMIT")
                figures.rows += len(rows)
    return figures


def into_postgresql(spec: Spec, read: Callable[[Pages], Iterator[Rows]]) -> Figures:
    columns = [column for _, column, _ in spec.soql_fields]
    names = ", ".join(columns)
    types = [SQL_TYPES[kind] for _, _, kind in spec.soql_fields]
    definitions = ", ".join(map(" ".join, zip(columns, types, strict=True)))
    updates = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "id")
    copy_rows = f"COPY stage ({names}) FROM STDIN (FORMAT BINARY)"
    merge = f"INSERT INTO cases SELECT * FROM stage ON CONFLICT (id) DO UPDATE SET {updates}"  # noqa: S608
    figures = Figures()
    with psycopg.connect(spec.database) as database:
        database.execute(f"CREATE TABLE cases ({definitions}, PRIMARY KEY (id))")
        database.execute("CREATE TEMP TABLE stage (LIKE cases) ON COMMIT DELETE ROWS")
        database.commit()
        with measured(figures), database.cursor() as cursor:
            for rows in read(Pages(spec, _REAL_TYPES)):
                with cursor.copy(copy_rows) as copy:
                    copy.set_types(types)
                    for row in rows:
                        copy.write_row(row)
                cursor.execute(merge)
                database.commit()
                figures.rows += len(rows)
    return figures


def run(spec: Spec) -> Figures:
    read = Pages.ahead if "--ahead" in sys.argv else Pages.one_by_one
    if spec.database.startswith("postgresql"):
        return into_postgresql(spec, read)
    return into_sqlite(spec, read)


if __name__ == "__main__":
    case(run)
