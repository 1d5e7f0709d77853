"""Actions that write: each becomes a command, and its life so far is the answer."""

from typing import Any

from agents.reading import Arguments
from models.action import Action, Verb
from models.command import Command, Op
from models.outbox import FAILED, FINISHED, CommandState, OutboxEntry
from pipelines.receipts import Receipt, Refused
from pipelines.submit import submitted
from pipelines.validate import NEW_VERSION
from salesforce.errors import NotFound
from store import outbox
from worker.app import App

_SAME_NAME = (
    "record_id",
    "fields",
    "idempotency_key",
    "on_conflict",
    "expected_modstamp",
    "auto_assign",
    "allow_duplicates",
)


class WriteRefused(Exception):  # noqa: N818 - read at the call site
    """The command will not do, and nothing was stored; the message says why."""


def command_of(action: Action, given: Arguments) -> Command:
    """Read a tool's arguments as a command; raises `InvalidCommand`."""
    form = {name: given[name] for name in _SAME_NAME if name in given}
    if action.verb is Verb.PUBLISH and "new_version" in given:
        form["fields"] = {NEW_VERSION: given["new_version"]}
    return Command.from_json({"op": Op(action.verb), "sobject": action.sobject, **form})


def submit(parts: App, action: Action, given: Arguments, operator: str) -> Receipt:
    """Hand the command in; what will not do is refused with every reason."""
    try:
        command = command_of(action, given)
        beside = submitted(operator, parts.clock)
        (receipt,) = parts.desk.submit([command], operator=operator, beside=beside)
    except Refused as error:
        found = [problem for refusal in error.refusals for problem in refusal.problems]
        said = "; ".join(f"{one.code}: {one}" for one in found)
        raise WriteRefused(f"{said} (nothing was stored or sent)") from None
    return receipt


def look(parts: App, command_id: str) -> OutboxEntry:
    """Find a command as it stands now."""
    with parts.store.read() as tx:
        entry = outbox.get(tx, command_id)
    if entry is None:
        raise NotFound(f"there is no command {command_id}", code="NOT_FOUND")
    return entry


def life(entry: OutboxEntry, prospects: str) -> dict[str, Any]:
    """Tell how a command stands, and what to make of that."""
    error = None
    if entry.error_code:
        error = {"code": entry.error_code, "message": entry.error_message}
    return {
        "command_id": entry.id,
        "op": entry.op,
        "sobject": entry.sobject,
        "state": entry.state,
        "finished": is_finished(entry),
        "record_id": entry.result_id or entry.record_id,
        "attempts": entry.attempts,
        "error": error,
        "note": _note(entry, prospects),
    }


def is_finished(entry: OutboxEntry) -> bool:
    return entry.state in FINISHED


def has_failed(entry: OutboxEntry) -> bool:
    return entry.state in FAILED


def _note(entry: OutboxEntry, prospects: str) -> str:
    why = entry.error_message or entry.error_code or ""
    match CommandState(entry.state):
        case CommandState.APPLIED:
            return f"done: {entry.op} of {entry.sobject} {entry.result_id}"
        case CommandState.REJECTED:
            return f"refused, and not done: {why}"
        case CommandState.DEAD:
            return f"given up after {entry.attempts} attempts: {why}"
        case CommandState.DISCARDED:
            return "discarded by an operator: it will not be done"
        case CommandState.UNCLEAR:
            return (
                "sent, and the reply was lost: it is looked for in Salesforce before anything "
                "is repeated. Ask get_command; do not submit it again."
            )
    again = f" The last attempt failed: {why}." if why else ""
    return f"Accepted; {prospects}.{again} Ask get_command; do not submit it again."
