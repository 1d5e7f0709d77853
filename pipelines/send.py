"""One command, sent: which call it is, and what the record is called afterwards."""

from datetime import datetime
from typing import Any, assert_never

from models.command import Command, Op
from salesforce.client import Client
from salesforce.errors import NotFound, Outdated
from salesforce.values import ExternalId

_GONE = frozenset({"NOT_FOUND", "ENTITY_IS_DELETED"})


def send(command: Command, *, client: Client, parents: dict[str, str | None]) -> str:
    """Apply a command and return the record's id; raises what Salesforce says instead."""
    fields = command.resolved(parents)
    match command.op:
        case Op.CREATE:
            return _create(command, fields, client)
        case Op.UPSERT:
            return client.upsert(command.sobject, _key(command), fields).id
        case Op.UPDATE:
            client.update(
                command.sobject,
                _id(command),
                fields,
                unmodified_since=command.expected_modstamp,
            )
        case Op.DELETE:
            _delete(command, client)
        case Op.PUBLISH:
            client.publish_article(_id(command))
        case _:
            assert_never(command.op)
    return _id(command)


def _create(command: Command, fields: dict[str, Any], client: Client) -> str:
    # By a unique key a create is an upsert: the second of two makes nothing.
    if command.external_id:
        return client.upsert(command.sobject, _key(command), fields).id
    return client.create(command.sobject, fields)


def _delete(command: Command, client: Client) -> None:
    if command.expected_modstamp:
        # Salesforce ignores If-Unmodified-Since on DELETE: look just before.
        found = client.retrieve(command.sobject, _id(command), ["LastModifiedDate"])
        if datetime.fromisoformat(found["LastModifiedDate"]) > command.expected_modstamp:
            raise Outdated("the record was changed since expected_modstamp", code="CONFLICT")
    try:
        client.delete(command.sobject, _id(command))
    except NotFound as error:
        if error.code not in _GONE:
            raise


def _key(command: Command) -> ExternalId:
    return ExternalId(command.external_id_field or "", command.external_id or "")


def _id(command: Command) -> str:
    return command.record_id or ""
