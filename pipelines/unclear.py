"""Unclear commands: sent, reply lost. What became of them is looked up, never guessed."""

from models.command import Command, Op
from models.outbox import CommandState
from pipelines.compare import stands
from salesforce import soql
from salesforce.client import Client
from salesforce.errors import NotFound
from store.outbox import Settlement

UNCLEAR_CREATE = "UNCLEAR_CREATE"


def resolve(command: Command, *, client: Client, parents: dict[str, str | None]) -> Settlement:
    """Look at the org and settle: applied, to be sent again, or a person has to look."""
    match command.op:
        case Op.CREATE:
            return _create(command, client)
        case Op.UPSERT:
            return _again()  # the key makes a repeat harmless
        case Op.UPDATE:
            return _update(command, client, parents)
        case Op.DELETE:
            return _delete(command, client)
        case Op.PUBLISH:
            return _publish(command, client)


def _create(command: Command, client: Client) -> Settlement:
    field, value = command.external_id_field, command.external_id
    if not field or not value:
        return Settlement(
            state=CommandState.DEAD,
            error_code=UNCLEAR_CREATE,
            error_message=(
                f"the reply to this create was lost and {command.sobject} has no unique external "
                "id to find it by: look in Salesforce, then discard or retry the command"
            ),
        )
    query = soql.select(["Id"], command.sobject, where=soql.eq(field, value), limit=1)
    found = client.query_page(query, include_deleted=True).records
    return _applied(found[0]["Id"]) if found else _again()


def _update(command: Command, client: Client, parents: dict[str, str | None]) -> Settlement:
    record_id = command.record_id or ""
    asked = command.resolved(parents)
    try:
        found = client.retrieve(command.sobject, record_id, asked)
    except NotFound:
        return _again()  # the org will say what is wrong
    return _applied(record_id) if stands(asked, found) else _again()


def _delete(command: Command, client: Client) -> Settlement:
    record_id = command.record_id or ""
    try:
        client.retrieve(command.sobject, record_id, ["Id"])
    except NotFound:
        return _applied(record_id)
    return _again()


def _publish(command: Command, client: Client) -> Settlement:
    record_id = command.record_id or ""
    try:
        found = client.retrieve(command.sobject, record_id, ["PublishStatus"])
    except NotFound:
        return _again()
    return _applied(record_id) if found.get("PublishStatus") == "Online" else _again()


def _applied(record_id: str) -> Settlement:
    return Settlement(state=CommandState.APPLIED, result_id=record_id)


def _again() -> Settlement:
    return Settlement(
        state=CommandState.PENDING,
        error_code="NOT_APPLIED",
        error_message="the lost attempt left no trace in the org: sent again",
        counts=False,
    )
