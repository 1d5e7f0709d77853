"""Checked commands on their way into the store, thousands at a time."""

from collections.abc import Iterator
from itertools import compress
from tempfile import SpooledTemporaryFile
from typing import Any, NamedTuple

import msgspec

from pipelines.receipts import IN_MEMORY, Refusal, Refused
from pipelines.validate import Problem
from store import dependencies
from store.outbox import Columns


class Dependent(NamedTuple):
    """A command that refers to others, and where it stood: in its chunk, and in all."""

    id: str
    position: int
    parents: tuple[str, ...]
    place: int
    line: int | None

    def broken(self, parent: str) -> Refused:
        return Refused([Refusal(self.place, (broken(parent),), self.line)])


class Chunk(msgspec.Struct):
    """Checked commands on their way into the store, and what is unusual about some."""

    columns: Columns
    named: list[str] = []
    """Ids that their authors gave them, and that may be known already."""
    dependents: list[Dependent] = []
    where: list[tuple[int, int | None]] = []
    """Each one's place in all, and its line."""

    @property
    def ids(self) -> list[str]:
        return self.column("id")

    def column(self, name: str) -> list[Any]:
        """Give one value for each command, also of a column that holds none."""
        return self.columns.get(name) or [None] * len(self.columns.get("id", ()))

    def only(self, wanted: list[bool]) -> "Chunk":
        """Leave commands out."""
        if all(wanted):
            return self
        columns = {name: list(compress(x, wanted)) for name, x in self.columns.items()}
        dependents = [one for one in self.dependents if wanted[one.position]]
        return Chunk(columns, self.named, dependents, list(compress(self.where, wanted)))


class Spool:
    """Chunks, in memory while they are few."""

    def __init__(self) -> None:
        self.commands = 0
        self._file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed by `close`

    def add(self, chunk: Chunk) -> None:
        self.commands += len(chunk.ids)
        body = msgspec.msgpack.encode(chunk)
        self._file.write(len(body).to_bytes(8))
        self._file.write(body)

    def __iter__(self) -> Iterator[Chunk]:
        self._file.seek(0)
        while head := self._file.read(8):
            yield msgspec.msgpack.decode(self._file.read(int.from_bytes(head)), type=Chunk)

    def close(self) -> None:
        self._file.close()


def broken(parent: str) -> Problem:
    return Problem(
        dependencies.FAILED_CODE,
        "depends_on",
        f"command {parent} is unknown, later than this one, or has failed: "
        "submit or revive it first",
    )
