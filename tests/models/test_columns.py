"""Column types: what goes in comes out, and sorts the right way."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, insert, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import StatementError
from sqlalchemy.pool import StaticPool

from models.columns import UtcDateTime, instant_text

NOON = datetime(2026, 1, 2, 12, 4, 5, tzinfo=UTC)
HOURS = st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours)))
SECONDS = st.floats(-8e9, 6e10)  # from 1716 to 3871
AWARE = st.builds(datetime.fromtimestamp, SECONDS, HOURS)
MOMENTS = Table("moments", MetaData(), Column("n", Integer), Column("at", UtcDateTime))


@pytest.fixture
def db():
    engine = create_engine("sqlite://", poolclass=StaticPool)
    MOMENTS.create(engine)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def test_sqlite_keeps_an_instant_as_iso_text_with_milliseconds(db):
    """The file can be read by anything that reads ISO 8601."""
    db.execute(insert(MOMENTS).values(at=NOON + timedelta(milliseconds=7)))
    assert db.scalar(text("SELECT at FROM moments")) == "2026-01-02T12:04:05.007Z"


def test_sqlite_understands_the_text_as_a_time(db):
    """Reports may compute with the column in plain SQL."""
    db.execute(insert(MOMENTS).values(at=NOON))
    query = text("SELECT datetime(at, '+1 hour'), typeof(at) FROM moments")
    assert db.execute(query).one() == ("2026-01-02 13:04:05", "text")


def test_an_instant_comes_back_aware_and_in_utc(db):
    """No reader has to guess a zone, whatever zone the writer was in."""
    db.execute(insert(MOMENTS).values(at=NOON.astimezone(timezone(timedelta(hours=5.5)))))
    back = db.scalar(select(MOMENTS.c.at))
    assert back == NOON
    assert back.tzinfo is UTC


def test_no_instant_stays_none(db):
    """Null is a value of its own, not the beginning of time."""
    db.execute(insert(MOMENTS).values(at=None))
    assert db.scalar(select(MOMENTS.c.at)) is None


def test_text_of_a_bulk_load_equals_a_bound_instant(db):
    """What a page writes as text is found by a query that binds a datetime."""
    db.execute(text("INSERT INTO moments (at) VALUES ('2026-01-02T12:04:05.000Z')"))
    assert db.scalar(select(MOMENTS.c.at).where(MOMENTS.c.at == NOON)) == NOON


def test_a_naive_instant_is_refused(db):
    """A time without a zone never reaches the store, on either database."""
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(StatementError, match="needs a time zone"):
        db.execute(insert(MOMENTS).values(at=naive))
    with pytest.raises(ValueError, match="needs a time zone"):
        UtcDateTime().process_bind_param(naive, postgresql.dialect())


@settings(deadline=None, database=None)
@given(AWARE, AWARE)
def test_text_sorts_as_time_does(one, other):
    """Order by the column is order in time, down to the millisecond kept."""
    earlier, later = sorted((one, other))
    assert instant_text(earlier) <= instant_text(later)
    assert len(instant_text(earlier)) == 24


@settings(deadline=None, database=None)
@given(AWARE)
def test_text_loses_less_than_a_millisecond(moment):
    """Salesforce stamps, whole seconds, come back exactly."""
    lost = moment - datetime.fromisoformat(instant_text(moment))
    assert timedelta(0) <= lost < timedelta(milliseconds=1)
