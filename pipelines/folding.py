"""Folding: consecutive updates of one record that may travel as one, with nothing lost by it.

A field that two of them set differently had a value in between, which history, triggers and other
people may have seen: those are not folded.
"""

from collections.abc import Iterable

from models.command import Fields, Op
from models.outbox import Taken

MOST = 10
"""Commands in one request; what lies further behind travels with the next."""


def may_carry(one: Taken) -> bool:
    """Tell whether others may travel in this command's request."""
    return _is_plain(one) and not one.alone and not one.failures


def may_ride(one: Taken, carried: Iterable[Taken]) -> bool:
    """Tell whether a command may travel with these, the first of which is the carrier."""
    before = list(carried)
    first = before[0]
    if not _is_plain(one) or one.record_id != first.record_id:
        return False
    if (one.auto_assign, one.allow_duplicates) != (first.auto_assign, first.allow_duplicates):
        return False
    known = together(before)
    return all(known.get(name, value) == value for name, value in one.fields.items())


def together(commands: Iterable[Taken]) -> Fields:
    """Give the fields of commands that travel as one."""
    fields: Fields = {}
    for one in commands:
        fields |= one.fields
    return fields


def _is_plain(one: Taken) -> bool:
    guarded = one.expected_modstamp or one.on_conflict
    return one.op == Op.UPDATE and not guarded and not one.sobject.endswith("__kav")
