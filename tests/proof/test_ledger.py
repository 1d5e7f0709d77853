"""The settlement of accounts finds what it is there to find."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from models.outbox import Attempt, OutboxEntry
from tests.proof.ledger import Ledger
from tests.proof.orders import Form, Order

NOW = datetime(2026, 1, 31, tzinfo=UTC)
CASE, NEW, COMMENT = "500A", "500B", "00aA"


def order(number: int, op: str, sobject: str, **form: Any) -> Order:
    return Order(number, op, {"id": str(UUID(int=number)), "op": op, "sobject": sobject, **form})


def entry(order: Order, record: str, **columns: Any) -> OutboxEntry:
    told = {"state": "applied", "attempts": 1, "failures": 0, "finished_at": NOW}
    return OutboxEntry(**{"id": order.id, "result_id": record, **told, **columns})


def told(seq: int, op: str, sobject: str, record: str, **fields: Any) -> Form:
    return {"seq": seq, "op": op, "sobject": sobject, "id": record, "fields": fields}


class Books:
    """A ledger in which all is well, to be tampered with."""

    def __init__(self) -> None:
        first, second = (
            order(n, "update", "Case", record_id=CASE, fields={"Subject": f"n{n}"}) for n in (0, 1)
        )
        made = order(2, "create", "Case", fields={"Subject": "n2"})
        parent = {"ParentId": {"$command": made.id}}
        child = order(3, "create", "CaseComment", fields={**parent, "CommentBody": "n3"})
        self.orders = [first, second, made, child]
        records = (CASE, CASE, NEW, COMMENT)
        self.entries = [
            entry(one, record) for one, record in zip(self.orders, records, strict=True)
        ]
        self.attempts = [
            Attempt(command_id=one.id, number=1, started_at=NOW, outcome="applied")
            for one in self.orders
        ]
        self.journal = [
            told(1, "update", "Case", CASE, Subject="n0"),
            told(2, "create", "Case", NEW, Subject="n2"),
            told(3, "update", "Case", CASE, Subject="n1"),
            told(4, "create", "CaseComment", COMMENT, ParentId=NEW, CommentBody="n3"),
        ]

    def differences(self) -> list[str]:
        return Ledger(
            orders=self.orders,
            entries={one.id: one for one in self.entries},
            attempts={one.command_id: [one] for one in self.attempts},
            journal=self.journal,
            touched=(),
        ).differences()


def test_books_that_are_in_order_show_nothing() -> None:
    """Where all agrees there is no line."""
    assert Books().differences() == []


def swapped(books: Books, one: int, other: int) -> None:
    """Have two entries of the journal change places."""
    entries = books.journal
    entries[one], entries[other] = entries[other], entries[one]
    for seq, found in enumerate(entries, start=1):
        found["seq"] = seq


FLAWS: dict[str, tuple[Callable[[Books], object], str]] = {
    "lost": (lambda books: books.journal.pop(0), "the org knows nothing of it"),
    "doubled": (
        lambda books: books.journal.append(told(5, "update", "Case", CASE, Subject="n1")),
        "done 2 times",
    ),
    "on two records": (
        lambda books: books.journal.append(told(5, "create", "Case", "500C", Subject="n2")),
        "shows on several records",
    ),
    "out of order": (lambda books: swapped(books, 0, 2), "out of order: [1, 0]"),
    "before its parent": (lambda books: swapped(books, 1, 3), "which it waits for"),
    "of another's making": (
        lambda books: books.journal.append(told(5, "update", "Case", CASE, Subject="x")),
        "nobody asked for",
    ),
    "by halves": (
        lambda books: books.journal[3]["fields"].pop("ParentId"),
        "not told ['ParentId']",
    ),
    "of another kind": (lambda books: books.journal[0].update(op="create"), "did a create"),
    "on the wrong record": (
        lambda books: setattr(books.entries[2], "result_id", CASE),
        "the outbox names",
    ),
    "rejected but done": (
        lambda books: setattr(books.entries[0], "state", "rejected"),
        "done all the same",
    ),
    "unfinished": (lambda books: setattr(books.entries[0], "state", "pending"), "is pending"),
    "still held": (lambda books: setattr(books.entries[0], "lease_owner", "x"), "not at rest"),
    "an attempt untold": (lambda books: books.attempts.pop(), "1 attempts, told are []"),
    "an attempt mistold": (
        lambda books: setattr(books.attempts[0], "outcome", "unclear"),
        "tell ['unclear']",
    ),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_each_flaw_is_named(flaw: str) -> None:
    """One thing amiss is enough, and the line says what."""
    books = Books()
    tamper, words = FLAWS[flaw]
    tamper(books)
    assert [line for line in books.differences() if words in line] != []
