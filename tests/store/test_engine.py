"""The store's transactions, and what it says when it cannot be used."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier, Thread

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from models.case import Case
from store import migrate, records
from store.engine import Store
from store.errors import StoreError, StoreUnavailable
from tests.services import Server
from tests.store.cases import put


def test_writers_on_one_file_take_turns(store: Store) -> None:
    """Six threads count up two hundred times in all: no count is lost, nobody is turned away."""
    with store.begin() as tx:
        tx.execute(text("INSERT INTO scsync_leases (name, fence) VALUES ('count', 0)"))

    def count() -> None:
        for _ in range(34):
            with store.begin() as tx:
                tx.execute(text("UPDATE scsync_leases SET fence = fence + 1"))

    threads = [Thread(target=count) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as tx:
        assert tx.execute(text("SELECT fence FROM scsync_leases")).scalar_one() == 6 * 34


def test_work_that_stood_in_anothers_way_is_done_anew(postgres_store: Store) -> None:
    """Two that lock the same rows in opposite order both get through, each once."""
    names = ["one", "two"]
    with postgres_store.begin() as tx:
        for name in names:
            tx.execute(text("INSERT INTO scsync_leases (name, fence) VALUES (:n, 0)"), {"n": name})
    both = Barrier(2)

    def count(order: list[str]) -> None:
        tries = iter([both.wait])  # they meet in the middle, the first time

        def work(tx: Connection) -> None:
            for name in order:
                query = "UPDATE scsync_leases SET fence = fence + 1 WHERE name = :n"
                tx.execute(text(query), {"n": name})
                next(tries, lambda: None)()

        postgres_store.write(work)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(count, (names, names[::-1])))
    with postgres_store.read() as tx:
        assert tx.execute(text("SELECT fence FROM scsync_leases")).scalars().all() == [2, 2]


def test_a_transaction_within_a_transaction_is_refused(sqlite_store: Store) -> None:
    """On SQLite it would wait for itself for ever: an error says so at once."""
    with sqlite_store.begin(), pytest.raises(RuntimeError), sqlite_store.begin():
        pass
    with sqlite_store.begin():
        pass


def test_errors_do_not_quote_what_customers_wrote(store: Store) -> None:
    """A statement that fails is shown without the values it was given."""
    secret = "my card is 4111"
    with pytest.raises(IntegrityError) as raised, store.begin() as tx:
        tx.execute(
            text("INSERT INTO scsync_commands (id, op, sobject) VALUES (:id, NULL, :name)"),
            {"id": "00000000-0000-4000-8000-000000000000", "name": secret},
        )
    assert secret not in str(raised.value).partition("\n")[0]
    assert secret not in str(raised.value.statement)
    assert "parameters hidden" in str(raised.value)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.write_bytes(b"no database at all, but long enough" * 99), "damaged"),
        (lambda path: path.mkdir(), "cannot be opened"),
    ],
    ids=["not a database", "a folder"],
)
def test_an_unusable_file_is_named_with_its_remedy(tmp_path: Path, damage, said) -> None:
    """What is no store is said in one line, not in a traceback of SQL."""
    damage(tmp_path / "store.db")
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with closing(Store(url)) as store, pytest.raises(StoreError, match=said):
        migrate.upgrade(store)


def test_a_read_only_file_is_named(tmp_path: Path) -> None:
    """A store without write access is refused by name."""
    path = tmp_path / "store.db"
    with closing(Store(f"sqlite:///{path}")) as store:
        migrate.upgrade(store)
    url = f"sqlite:///file:{path}?mode=ro&uri=true"
    with closing(Store(url)) as store, pytest.raises(StoreError, match="read-only"):
        put(store, {})


def test_a_full_disk_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    """A page that finds no room is refused whole; with room again the same page is stored."""
    page = [{"id": f"5000000000{n:05}AAA", "subject": "x" * 200} for n in range(500)]
    with closing(Store(f"sqlite:///{tmp_path / 'store.db'}")) as store:
        migrate.upgrade(store)
        put(store, page[0])
        _limit(store, pages=1)  # as low as it goes: the pages that are there
        with pytest.raises(StoreUnavailable, match="no space left"):
            put(store, *page)
        with store.read() as tx:
            assert records.count(tx, Case) == (1, 0)
        _limit(store, pages=1_000_000)
        assert put(store, *page) == 499


def _limit(store: Store, *, pages: int) -> None:
    with store.begin() as tx:
        tx.exec_driver_sql(f"PRAGMA max_page_count={pages}")


def test_a_database_that_went_away_is_said_and_used_again(own_postgres: Server) -> None:
    """While PostgreSQL is down the store says so; once it is back, work goes on by itself."""
    with closing(Store(own_postgres.url)) as store:
        migrate.upgrade(store)
        put(store, {"subject": "before"})
        own_postgres.stop()
        with pytest.raises(StoreUnavailable):
            put(store, {"subject": "lost"})
        own_postgres.start()
        assert put(store, {"subject": "after"}) == 1


def test_no_statement_is_compiled(postgres_store: Store) -> None:
    """Reports are read in less time than PostgreSQL takes to compile them; a rollback keeps that."""
    for _ in range(2):
        with postgres_store.read() as tx:
            assert tx.exec_driver_sql("SHOW jit").scalar_one() == "off"
            tx.rollback()


def test_a_load_does_not_wait_for_the_disk_at_each_page(tmp_path: Path) -> None:
    """Twenty megabytes in ten transactions are still in the log, in which they were written once."""
    with closing(Store(f"sqlite:///{tmp_path / 'store.db'}")) as store:
        with store.begin() as tx:
            tx.exec_driver_sql("CREATE TABLE loads (body BLOB)")
        for _ in range(10):
            with store.begin(relaxed=True) as tx:
                tx.exec_driver_sql("INSERT INTO loads VALUES (zeroblob(2000000))")
        assert (tmp_path / "store.db-wal").stat().st_size > 20_000_000
