"""Intake: commands come in one after the other, and go on in chunks, each of them checked."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from models.command import Command, InvalidCommand, new_ids, usual
from pipelines.chunks import Chunk, Dependent
from pipelines.clerk import Clerk, Rules, parents_of
from pipelines.receipts import MOST_REFUSALS, Refusal, Refused
from store import outbox

Item = TypeVar("Item")
CHUNK = 2_000
"""Commands that are checked, and later stored, at a time."""


class Intake:
    """Takes commands in, one after the other, and gives those that will do, many at a time."""

    def __init__(self, rules: Rules) -> None:
        self._clerk = Clerk(rules)
        self._place = 0
        self._refusals: list[Refusal] = []
        self._clear()

    def commands(self, commands: Iterable[Command]) -> Iterator[Chunk]:
        """Check commands; raises `Refused` at the end, or as soon as there is enough to say."""
        for some in parts(commands, CHUNK):
            for command in some:
                self._place += 1
                self._take(command, is_named=True)
            yield from self._given()
        self._end()

    def lines(self, lines: Iterable[str]) -> Iterator[Chunk]:
        """Do the same for lines of JSON; raises `InvalidCommand` naming the line."""
        for some in parts(enumerate(lines, start=1), CHUNK):
            for (number, line), spare_id in zip(some, new_ids(len(some)), strict=True):
                if line and not line.isspace():
                    self._place += 1
                    self._take_line(line, number, spare_id)
            yield from self._given()
        self._end()

    def _take_line(self, line: str, number: int, spare_id: str) -> None:
        one = usual(line)
        command_id = spare_id if one is None or one.id is None else str(one.id)
        row = self._clerk.glance(one, command_id) if one is not None else None
        if one is None or row is None:
            command = _parse(line, number, spare_id)
            self._take(command, number, is_named=command.id != spare_id)
            return
        if command_id is not spare_id:
            self._named.append(command_id)
        # A reference is an object within an object within the command's.
        if line.count("{") > 2:  # noqa: PLR2004
            self._refer(command_id, parents_of((), one.fields), number)
        self._lay_down(row, number)

    def _take(self, command: Command, line: int | None = None, *, is_named: bool) -> None:
        row, found = self._clerk.check(command)
        if row is None:
            self._refuse(Refusal(self._place, tuple(found), line))
            return
        if is_named:
            self._named.append(command.id)
        self._refer(command.id, command.references(), line)
        self._lay_down(row, line)

    def _lay_down(self, row: outbox.Row, line: int | None) -> None:
        self._rows.append(row)
        self._where.append((self._place, line))

    def _refer(self, command_id: str, parents: tuple[str, ...], line: int | None) -> None:
        if parents:
            one = Dependent(command_id, len(self._rows), parents, self._place, line)
            self._dependents.append(one)

    def _refuse(self, refusal: Refusal) -> None:
        self._refusals.append(refusal)
        if len(self._refusals) == MOST_REFUSALS:
            self._end()

    def _given(self) -> Iterator[Chunk]:
        """Give what has been taken in, unless it is in vain."""
        if self._rows and not self._refusals:
            columns = outbox.columns_of(self._rows)
            yield Chunk(columns, self._named, self._dependents, self._where)
        self._clear()

    def _clear(self) -> None:
        self._rows: list[outbox.Row] = []
        self._named: list[str] = []
        self._dependents: list[Dependent] = []
        self._where: list[tuple[int, int | None]] = []

    def _end(self) -> None:
        if self._refusals:
            raise Refused(self._refusals)


def _parse(line: str, number: int, spare_id: str | None = None) -> Command:
    try:
        return Command.from_json(json.loads(line), spare_id=spare_id)
    except json.JSONDecodeError as error:
        raise InvalidCommand(f"line {number} is not JSON: {error.msg}") from None
    except InvalidCommand as error:
        raise InvalidCommand(f"line {number}: {error}") from None
    except (ValueError, RecursionError) as error:  # a number or a nesting beyond all bounds
        raise InvalidCommand(f"line {number} cannot be read: {error}") from None


def parts(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Cut items into lists of this size, the last of them shorter."""
    source = iter(items)
    while some := list(islice(source, size)):
        yield some
