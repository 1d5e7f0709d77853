"""What a submission is told: a receipt for each command, or why nothing was stored."""

from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import NamedTuple

from pipelines.validate import NotEnabled, Problem

IN_MEMORY = 1 << 22
"""Bytes; what is more goes into a file."""
MOST_REFUSALS = 20
"""That are told at a time."""
_REPEATED = "*"


class Receipt(NamedTuple):
    """A command's id; `repeated` when its idempotency key was known, and so is its answer."""

    id: str
    repeated: bool = False


class Progress(NamedTuple):
    """How far a submission is."""

    checked: int
    stored: int


@dataclass(frozen=True)
class Refusal:
    """One command of a submission that will not do, and why."""

    place: int
    problems: tuple[Problem, ...]
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}, command {self.place}" if self.line else f"command {self.place}"
        return f"{where}: " + "; ".join(str(problem) for problem in self.problems)


class Refused(Exception):  # noqa: N818 - read at the call site
    """Nothing was stored: these commands will not do."""

    def __init__(self, refusals: list[Refusal]) -> None:
        super().__init__("; ".join(str(refusal) for refusal in refusals))
        self.refusals = refusals

    @property
    def disabled(self) -> tuple[str, ...]:
        """Name the actions that were asked for and are not enabled, each once."""
        found = [problem for refusal in self.refusals for problem in refusal.problems]
        names = (problem.action for problem in found if isinstance(problem, NotEnabled))
        return tuple(dict.fromkeys(names))


class Receipts:
    """Receipts in the order of their commands, as often as they are asked for."""

    def __init__(self) -> None:
        self.total = 0
        self.repeated = 0
        self._file = SpooledTemporaryFile(IN_MEMORY, "w+", encoding="utf-8")  # noqa: SIM115

    def clear(self) -> None:
        """Begin anew."""
        self.total = self.repeated = 0
        self._file.seek(0)
        self._file.truncate()

    def add(self, ids: list[str], repeated: set[int]) -> None:
        """Take down ids, and the positions of those that are another command's."""
        self.total += len(ids)
        self.repeated += len(repeated)
        for position in repeated:
            ids[position] += _REPEATED
        self._file.write("\n".join([*ids, ""]))

    def __iter__(self) -> Iterator[Receipt]:
        self._file.seek(0)
        for line in self._file:
            name = line.rstrip()
            yield Receipt(name.rstrip(_REPEATED), name.endswith(_REPEATED))

    def close(self) -> None:
        self._file.close()
