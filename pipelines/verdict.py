"""The verdict: is all well, in one sentence, and what needs a person or a look if it is not.

Page, command line, probes and figures all ask here, so that none says another thing than the rest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from models.finding import FindingKind
from models.incident import IncidentKind
from models.linked_account import AccountState
from models.outbox import OPEN, CommandState
from models.run import RunOutcome
from pipelines.overview import ObjectStatus, Overview, short

_RED = frozenset({FindingKind.ZERO_ROWS, FindingKind.VANISHED, FindingKind.DRIFT})
"""Findings that a person should look at, rather than know of."""
_PASSING = frozenset({IncidentKind.BUDGET_HELD, IncidentKind.NO_WORKER})
"""Incidents that no other reason tells of, and after which work goes on by itself."""
_NAMED = 3


@dataclass(frozen=True)
class Verdict:
    """What needs a person, worst first; what is worth a look; and what the rest rests on."""

    reasons: tuple[str, ...]
    cautions: tuple[str, ...]
    sentence: str
    oldest: datetime | None
    """When what was read longest ago was read."""

    @property
    def is_ready(self) -> bool:
        return not self.reasons

    @property
    def is_well(self) -> bool:
        return not self.reasons and not self.cautions

    @property
    def headline(self) -> str:
        if self.is_well:
            return "All is well."
        if self.is_ready:
            return _number(len(self.cautions), "wants a look.", "want a look.")
        return _number(len(self.reasons), "needs a person.", "need a person.")


def judge(found: Overview) -> Verdict:
    """Judge by what an overview has found."""
    read = [one.fresh_as_of for one in found.objects if one.fresh_as_of and not one.skipped]
    oldest = min(read, default=None)
    return Verdict(
        tuple(_reasons(found)), tuple(_cautions(found)), _sentence(found, len(read), oldest), oldest
    )


def never_read(found: Overview) -> list[ObjectStatus]:
    """Choose the objects of which nobody can say how fresh they are."""
    return [one for one in found.objects if one.fresh_as_of is None]


def is_suspended(found: Overview) -> bool:
    return found.account is not None and found.account.state == AccountState.SUSPENDED


def names(objects: list[ObjectStatus]) -> str:
    """Name objects, if they are many only the first ones."""
    return _first([one.sobject for one in objects])


def _first(named: Sequence[str]) -> str:
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return ", ".join(named[:_NAMED]) + more


def _reasons(found: Overview) -> Iterator[str]:
    if found.account is None:
        yield "no account is linked: run scsync link"
    elif found.account.state == AccountState.DEAD:
        why = found.account.reason or "its grant is dead. Run scsync link."
        yield f"account {found.account.name} cannot work: {why}"
    elif found.locked:
        yield f"account {found.account.name} cannot work: {found.locked}"
    for incident in found.incidents:
        if incident.kind == IncidentKind.LOGIN_REFUSED and found.account:
            yield f"the login is refused: {incident.message}"
    silent = [one for one in found.objects if one.silent_for]
    if silent and found.account and found.account.state == AccountState.LINKED:
        longest = max(silent, key=lambda one: one.silent_for or found.at - found.at)
        told = short(longest.silent_for) if longest.silent_for else ""
        yield f"no good run of {names(silent)} for {told}: {_why_silent(longest)}"
    if dead := found.commands.get(CommandState.DEAD):
        yield f"{dead:,} commands are dead: scsync commands list --state dead"
    for finding in found.findings:
        if finding.kind in _RED:
            yield f"{finding.sobject}: {finding.message}"


def _cautions(found: Overview) -> Iterator[str]:
    if found.account and is_suspended(found):
        account = found.account.name
        yield f"account {account} is suspended, nothing is read or sent: scsync accounts resume"
    for incident in found.incidents:
        if incident.kind in _PASSING:
            yield f"{incident.title}: {incident.remedy}"
    if found.account and (new := never_read(found)):
        how_many = f"{len(new)} of {len(found.objects)} objects"
        yield f"{how_many} {'was' if len(new) == 1 else 'were'} never read: {names(new)}"
    failed = [one for one in found.objects if one.last_outcome == RunOutcome.FAILED]
    if failed := [one for one in failed if not one.silent_for]:
        yield f"nothing is lost, but the last run failed of: {names(failed)}"
    if found.unreadable:
        named = _first(found.unreadable)
        yield f"figures of reports hang on what cannot be read, {named}: scsync doctor"
    if rejected := found.commands.get(CommandState.REJECTED):
        are = "command is" if rejected == 1 else "commands are"
        yield f"{rejected:,} {are} rejected: scsync commands list --state rejected --by-cause"


def _why_silent(one: ObjectStatus) -> str:
    if one.last_outcome == RunOutcome.FAILED and one.last_error:
        return one.last_error
    return "see its last runs; does scsync up run?"


def _sentence(found: Overview, read: int, oldest: datetime | None) -> str:
    if oldest is None:
        return "Nothing was read yet: the first pull begins with the daemon (scsync up)."
    objects = len(found.objects)
    which = "Every object was" if read == objects else f"{read} of {objects} objects were"
    pending = sum(found.commands.get(state, 0) for state in OPEN)
    waiting = f"{pending:,} commands are on their way" if pending else "no command waits"
    return f"{which} read within the last {short(found.at - oldest)}, and {waiting}."


def _number(count: int, one: str, several: str) -> str:
    return f"One thing {one}" if count == 1 else f"{count} things {several}"
