"""Parcels, sent: which call each is, and what the org says of every row of it."""

import hashlib
import json
from collections.abc import Sequence
from uuid import UUID

from models.command import Fields, Op
from models.outbox import KeyKind, Taken
from pipelines import articles
from pipelines.parcels import Letter, Parcel
from salesforce.client import Client
from salesforce.errors import NotFound, SalesforceError
from salesforce.values import ExternalId, RowResult

_GONE = frozenset({"NOT_FOUND", "ENTITY_IS_DELETED"})


def send(parcel: Parcel, client: Client) -> list[str | SalesforceError]:
    """Apply a parcel; give each row's record id, or what Salesforce says instead.

    Raises `SalesforceError` for what concerns the request as a whole.
    """
    if len(parcel.letters) > 1:
        results = _many(parcel, client)
        return [_row(*pair) for pair in zip(parcel.letters, results, strict=True)]
    try:
        return [_one(parcel.letters[0], client)]
    except SalesforceError as error:
        if error.outcome_unknown:
            raise
        return [error]


def once_key(entry: Taken, fields: Fields) -> str:
    """Make the UUID under which the UI API creates a record.

    Another one once it was edited, or refused: the refusal would be replayed.
    """
    text = json.dumps([entry.id, entry.refusals, fields], sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).digest()[:16]
    return str(UUID(bytes=digest, version=4))


def _one(letter: Letter, client: Client) -> str:
    command, record_id = letter.command, letter.command.record_id or ""
    if command.sobject.endswith(articles.KNOWLEDGE):
        return articles.apply(letter, client)
    match command.op:
        case Op.CREATE | Op.UPSERT if letter.key_field:
            key = ExternalId(letter.key_field, command.external_id or "")
            return client.upsert(command.sobject, key, letter.fields, letter.manner).id
        case Op.CREATE if letter.entry.key_kind == KeyKind.IDEMPOTENCY:
            key_of = once_key(letter.entry, letter.fields)
            return client.create_once(command.sobject, letter.fields, key_of, letter.manner)
        case Op.CREATE:
            return client.create(command.sobject, letter.fields, letter.manner)
        case Op.UPDATE:
            client.update(
                command.sobject,
                record_id,
                letter.fields,
                letter.manner,
                unmodified_since=letter.guard,
            )
        case Op.DELETE:
            _delete(command.sobject, record_id, client)
    return record_id


def _delete(sobject: str, record_id: str, client: Client) -> None:
    try:
        client.delete(sobject, record_id)
    except NotFound as error:
        if error.code not in _GONE:
            raise


def _many(parcel: Parcel, client: Client) -> Sequence[RowResult]:
    kind, letters = parcel.kind, parcel.letters
    if kind.key_field:
        keyed = [(one.command.external_id or "", one.fields) for one in letters]
        return client.upsert_many(kind.sobject, kind.key_field, keyed, kind.manner)
    if kind.verb is Op.CREATE:
        fields = [one.fields for one in letters]
        return client.create_many(kind.sobject, fields, kind.manner)
    ids = [one.command.record_id or "" for one in letters]
    if kind.verb is Op.DELETE:
        return client.delete_many(ids)
    rows = [(record_id, one.fields) for record_id, one in zip(ids, letters, strict=True)]
    return client.update_many(kind.sobject, rows, kind.manner)


def _row(letter: Letter, result: RowResult) -> str | SalesforceError:
    record_id = result.id or letter.command.record_id or ""
    if result.error is None:
        return record_id
    gone = isinstance(result.error, NotFound) and result.error.code in _GONE
    return record_id if gone and letter.command.op is Op.DELETE else result.error
