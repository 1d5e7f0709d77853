"""What a good engineer writes without scsync: simple-salesforce and one bulk upsert a chunk.

`query_all_iter` walks the server's cursor; each chunk goes through SQLAlchemy's upsert, or with
`--driver` through the driver's own `executemany`. After a crash it starts anew.
"""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import psycopg
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce
from sqlalchemy import Boolean, Column, Float, MetaData, Table, Text, create_engine
from sqlalchemy.dialects import postgresql, sqlite

from benchmarks.measure import Figures, Spec, case, measured

CHUNK = 2000
_SQL_TYPES = {"instant": "timestamptz", "day": "date", "number": "numeric", "flag": "bool"}


class WithoutTls(HTTPAdapter):
    """simple-salesforce writes https into every URL; the org of this run speaks plain http."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        request.url = str(request.url).replace("https://", "http://", 1)
        return super().send(request, *args, **kwargs)


def run(spec: Spec) -> Figures:
    session = requests.Session()
    session.mount("https://127.0.0.1", WithoutTls())
    client = Salesforce(
        instance=urlsplit(spec.org).netloc, session_id=spec.token, session=session, version="67.0"
    )
    names = ", ".join(api for api, _, _ in spec.soql_fields)
    until = f"SystemModstamp < {spec.until}"
    soql = f"SELECT {names} FROM Case WHERE {until}"  # noqa: S608
    figures = Figures()
    driver = _postgresql if spec.database.startswith("postgresql") else _sqlite
    store = driver if "--driver" in sys.argv else _sqlalchemy
    store(spec, client.query_all_iter(soql, include_deleted=True), figures)
    return figures


def _sqlalchemy(spec: Spec, records: Iterator[Any], figures: Figures) -> None:
    on_server = spec.database.startswith("postgresql")
    url = spec.database.replace("postgresql:", "postgresql+psycopg:", 1)
    engine = create_engine(url if on_server else f"sqlite:///{spec.database}")
    kinds: dict[str, Any] = {"number": Float, "flag": Boolean}
    columns = [Column(api, kinds.get(kind, Text)) for api, _, kind in spec.soql_fields[1:]]
    table = Table("cases", MetaData(), Column("Id", Text, primary_key=True), *columns)
    table.create(engine)
    insert: Any = (postgresql if on_server else sqlite).insert(table)
    new = {column.name: insert.excluded[column.name] for column in columns}
    upsert = insert.on_conflict_do_update(index_elements=["Id"], set_=new)
    with measured(figures):
        while chunk := [*islice(records, CHUNK)]:
            for record in chunk:
                del record["attributes"]
            with engine.begin() as connection:
                connection.execute(upsert, chunk)
            figures.rows += len(chunk)
    engine.dispose()


def _sqlite(spec: Spec, records: Iterator[Any], figures: Figures) -> None:
    names = ", ".join(api for api, _, _ in spec.soql_fields)
    with closing(sqlite3.connect(spec.database)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        columns = names.replace("Id,", "Id TEXT PRIMARY KEY,", 1)
        database.execute(f"CREATE TABLE cases ({columns})")
        upsert = _upsert(spec, "?")
        with measured(figures):
            while chunk := _rows(spec, records):
                with database:
                    database.executemany(upsert, chunk)
                figures.rows += len(chunk)


def _postgresql(spec: Spec, records: Iterator[Any], figures: Figures) -> None:
    columns = ", ".join(
        f"{api} {_SQL_TYPES.get(kind, 'text')}" for api, _, kind in spec.soql_fields
    )
    with psycopg.connect(spec.database) as database, database.cursor() as cursor:
        database.execute(f"CREATE TABLE cases ({columns}, PRIMARY KEY (Id))")
        database.commit()
        upsert = _upsert(spec, "%s")
        with measured(figures):
            while chunk := _rows(spec, records):
                cursor.executemany(upsert, chunk)
                database.commit()
                figures.rows += len(chunk)


def _rows(spec: Spec, records: Iterator[Any]) -> list[tuple[Any, ...]]:
    names = [api for api, _, _ in spec.soql_fields]
    return [tuple(record[name] for name in names) for record in islice(records, CHUNK)]


def _upsert(spec: Spec, mark: str) -> str:
    names = [api for api, _, _ in spec.soql_fields]
    marks = ", ".join([mark] * len(names))
    updates = ", ".join(f"{name} = excluded.{name}" for name in names if name != "Id")
    return (
        f"INSERT INTO cases ({', '.join(names)}) VALUES ({marks})"  # noqa: S608
        f" ON CONFLICT (Id) DO UPDATE SET {updates}"
    )


if __name__ == "__main__":
    case(run)
