"""Ages of cases in a store, kept from changing while a test compares them."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam

from models.case import Case
from store.engine import Store


def between_birthdays(store: Store) -> None:
    """Have each open case be so many days and a half old: none is a day older half a day on."""
    cases, now = Case.table(), datetime.now(UTC).replace(microsecond=0)
    with store.begin() as tx:
        youngest = cases.select().order_by(cases.c.created_date.desc(), cases.c.id)
        found = tx.execute(youngest.where(cases.c.is_closed.is_(False))).mappings().all()
        ages = [(now - row["created_date"]).days + 0.5 for row in found]
        moved = [  # each at an instant of its own, in the order in which they were opened
            {"mine": row["id"], "at": now - timedelta(days=age, seconds=place)}
            for place, (row, age) in enumerate(zip(found, ages, strict=True))
        ]
        change = cases.update().where(cases.c.id == bindparam("mine"))
        tx.execute(change.values(created_date=bindparam("at")), moved)
