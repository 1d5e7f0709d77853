"""A proposed change as a form: an input for each field that may be edited, and what came back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from models.command import Conflict
from pipelines.clerk import NO_BASIS
from pipelines.receipts import Refused
from salesforce.describe import Describe, FieldDescribe

FIELD, WAS = "field.", "was."
_COMPOUND = frozenset({"address", "location", "base64", "complexvalue"})
_LONG = 255
OUTDATED = (
    "The record has changed since this page was loaded, and nothing was stored: what it became "
    "stands at each field. Choose what is to become of that, then propose it again."
)
_LINE_ENDS = frozenset("\r\n")


@dataclass(frozen=True)
class Input:
    """One field of the form: what it shows, what it showed first, and what is wrong with it."""

    name: str
    label: str
    kind: str
    value: str
    was: str
    theirs: str | None
    """What somebody else has made of it since, in the store."""
    choices: tuple[str, ...]
    longest: int | None
    hint: str
    wrong: str


def inputs(
    describe: Describe | None,
    stored: Mapping[str, Any],
    given: Mapping[str, str],
    wrong: Mapping[str, str],
) -> list[Input]:
    """Make an input of each stored field that the org lets us edit; none before it is described."""
    if describe is None or not describe.updateable:
        return []
    return list(_inputs(describe, stored, given, wrong))


def changed(given: Mapping[str, str]) -> dict[str, str]:
    """Take the fields whose text is no longer what the page showed."""
    texts = {
        name.removeprefix(FIELD): text for name, text in given.items() if name.startswith(FIELD)
    }
    return {name: text for name, text in texts.items() if text != given.get(f"{WAS}{name}")}


def merged(given: Mapping[str, str], stored: Mapping[str, Any]) -> dict[str, str]:
    """Leave out what somebody else has changed meanwhile; base the rest on what is stored now."""
    mine = changed(given)
    lost = {
        f"{FIELD}{name}"
        for name, held in stored.items()
        if name in mine and _text(held) not in {given.get(f"{WAS}{name}"), given[f"{FIELD}{name}"]}
    }
    kept = {name: text for name, text in given.items() if name not in lost}
    return {**kept, "modstamp": stored["SystemModstamp"].isoformat()}


def manners(given: Mapping[str, str]) -> dict[str, Any]:
    """Say what is to become of it if somebody else changes the record meanwhile."""
    chosen, seen = given.get("on_conflict", ""), given.get("modstamp", "")
    if chosen not in set(Conflict):
        return {}
    return {"on_conflict": chosen, **({"expected_modstamp": seen} if seen else {})}


def sorted_out(error: Refused, given: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Put each problem to its field; what belongs to none stands above the form."""
    wrong: dict[str, str] = {}
    trouble: list[str] = []
    shown = {name.removeprefix(FIELD).lower() for name in given if name.startswith(FIELD)}
    for problem in (one for refusal in error.refusals for one in refusal.problems):
        if problem.code == NO_BASIS:
            trouble.append(OUTDATED)
        elif problem.field and problem.field.lower() in shown:
            wrong[problem.field.lower()] = problem.message
        else:
            trouble.append(str(problem))
    return wrong, trouble


def _inputs(
    describe: Describe,
    stored: Mapping[str, Any],
    given: Mapping[str, str],
    wrong: Mapping[str, str],
) -> Iterator[Input]:
    known = {one.name: one for one in describe.fields}
    for name, held in stored.items():
        field = known.get(name)
        if field is None or not field.updateable or field.calculated or field.type in _COMPOUND:
            continue
        now = _text(held)
        value, was = (given.get(f"{part}{name}", now) for part in (FIELD, WAS))
        yield Input(
            name=name,
            label=field.label or name,
            kind=_kind(field, value, was),
            value=value,
            was=was,
            theirs=now if now != was else None,
            choices=_choices(field, value, was, now),
            longest=field.length or None,
            hint="" if field.nillable else "must not be empty",
            wrong=wrong.get(name.lower(), ""),
        )


def _kind(field: FieldDescribe, *shown: str) -> str:
    if field.type == "boolean" or (field.type == "picklist" and field.picklist_values):
        return "select"
    if field.type == "textarea" or len(shown[-1]) > _LONG or _LINE_ENDS & set("".join(shown)):
        return "textarea"
    return "input"


def _choices(field: FieldDescribe, *shown: str) -> tuple[str, ...]:
    """List what may be chosen; first what is shown, or a browser would send something else."""
    flags = ("true", "false") if field.type == "boolean" else ()
    values = [*flags, *(one.value for one in field.picklist_values if one.active)]
    return tuple(dict.fromkeys([*([""] if field.nillable else []), *shown, *values]))


def _text(value: Any) -> str:
    """Write a stored value in the form in which a command takes it."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case datetime():
            return value.isoformat()
        case date():
            return value.isoformat()
    return str(value)
