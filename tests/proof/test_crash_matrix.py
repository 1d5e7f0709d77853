"""Death at each step of a command's path, in every way of writing, alone and among others.

For each step one dies for each way, in a process of its own; then somebody else takes over.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cache
from itertools import product

import pytest

from emulator.server import Emulator
from tests.proof.deaths import STEPS
from tests.proof.dying import Entry, Line, Mortals, Scene, written
from tests.proof.ways import KEYLESS, WAYS
from tests.store.shared import empty, run_postgres, run_sqlite

__all__ = ["run_postgres", "run_sqlite"]

BATCH = 5
UNTOUCHED = ("row committed", "doorbell lost", "lease taken")
UNTOLD = ("reply lost", "reply read", "about to settle")
"""Where the org has done it, and the outbox does not know."""
Outcomes = list[tuple[str, str | None]]
ONCE: Outcomes = [("applied", None)]
AGAIN: Outcomes = [("pending", "NOT_APPLIED"), ("applied", None)]


@pytest.fixture(scope="module")
def org() -> Iterator[Emulator]:
    with Emulator(cases=200) as org:
        for sobject in KEYLESS:
            org.control("POST", "fields", {"sobject": sobject, "hide": "Sync_Key__c"})
        yield org


@pytest.fixture(scope="module")
def mortals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mortals]:
    with closing(Mortals(tmp_path_factory.mktemp("deaths") / "errors.log")) as mortals:
        yield mortals


@pytest.fixture(scope="module")
def scenes(
    request: pytest.FixtureRequest, org: Emulator, mortals: Mortals
) -> Iterator[Callable[[str], Scene]]:
    """Give the scene on SQLite or on PostgreSQL, prepared when first wanted."""
    with ExitStack() as stack:

        @cache
        def scene_on(database: str) -> Scene:
            store = request.getfixturevalue(f"run_{database}")
            stack.callback(empty, store)
            scene = stack.enter_context(closing(Scene(org, store, mortals)))
            scene.warm([told.form for way in WAYS.values() for told in way.story(org)])
            return scene

        yield scene_on


@dataclass(frozen=True)
class Aftermath:
    """What is found when the work of all who died at a step is finished."""

    step: str
    lines: dict[tuple[str, int], list[list[Line]]]
    journal: list[Entry]
    scene: Scene

    def of(self, lines: list[Line]) -> list[Entry]:
        """Give what the org did with the records of some commands."""
        records = {line.record for line in lines}
        return [entry for entry in self.journal if entry[2] in records]


@pytest.fixture(scope="module", params=product(("sqlite", "postgres"), STEPS), ids="-".join)
def aftermath(request: pytest.FixtureRequest, scenes: Callable[[str], Scene]) -> Aftermath:
    database, step = request.param
    scene = scenes(database)
    dead = {
        (name, number): [way.story(scene.org) for _ in range(number)]
        for name, way in WAYS.items()
        for number in (1, BATCH)
    }
    scene.begin()
    for stories in dead.values():
        scene.kill(step, stories)
    scene.recover()
    if step == "settled":  # what nobody read back, the next pull brings
        scene.pull("Case", "Knowledge__kav", *KEYLESS)
    told = iter(scene.told([story for stories in dead.values() for story in stories]))
    lines = {key: [next(told) for _ in stories] for key, stories in dead.items()}
    return Aftermath(step, lines, scene.journal(), scene)


@pytest.mark.parametrize("number", [1, BATCH], ids=["alone", "batch"])
@pytest.mark.parametrize("name", WAYS)
def test_whoever_dies_each_command_happens_once(
    name: str, number: int, aftermath: Aftermath
) -> None:
    """It is done once and in order, and outbox, org and store agree in every particular."""
    way, step = WAYS[name], aftermath.step
    for place, lines in enumerate(aftermath.lines[name, number]):
        is_reached = place == 0 or not way.goes_alone  # by the request at which he died
        is_repeated = is_reached and step in UNTOLD and way.is_repeated
        expected = written(lines, way.repeat if is_repeated else None)
        assert aftermath.of(lines) == expected
        last = {entry[2]: entry for entry in expected}
        assert [entry for entry in last.values() if not aftermath.scene.shows(entry)] == []

        first, *others = lines
        is_told = step in {*UNTOUCHED, "read back"} or (is_reached and step == "settled")
        is_found = is_reached and step in UNTOLD and not is_repeated
        assert first.outcomes == (ONCE if is_told or is_found else AGAIN)
        assert ("worker was lost" in (first.attempts[0].error_message or "")) == is_found
        assert [line.outcomes for line in others] == [ONCE] * len(others)
        assert {(line.entry.state, line.entry.failures) for line in lines} == {("applied", 0)}
        assert first.entry.key_kind == way.key_kind


def test_nothing_else_happens(aftermath: Aftermath) -> None:
    """Beyond what the commands were for, the org shows no write."""
    stories = [lines for some in aftermath.lines.values() for lines in some]
    assert len(aftermath.journal) == sum(len(aftermath.of(lines)) for lines in stories)
    assert len({line.record for lines in stories for line in lines[:1]}) == len(stories)
