"""Values that no column can hold: numbers beyond its range, say, which only the database knows."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DataError

from console.problems import Problem


@contextmanager
def within_range() -> Iterator[None]:
    """Turn what the databases say of such a value into a refusal."""
    try:
        yield
    except (DataError, OverflowError) as error:
        # Of PostgreSQL's words the first line names no value; SQLite's driver names none at all.
        cause = getattr(error, "orig", error)
        raise Problem(422, f"a value is out of range: {str(cause).splitlines()[0]}") from None
