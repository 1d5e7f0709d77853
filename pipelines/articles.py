"""Knowledge articles: only drafts are written, so a change of what is online opens a draft first.

Source: Knowledge Developer Guide, "Edit an Online Version of a Primary Article"; Actions Developer
Guide, "Knowledge Actions".
"""

from typing import Any

from models.command import Op
from pipelines.parcels import Letter
from pipelines.validate import NEW_VERSION
from salesforce import soql
from salesforce.client import Client
from salesforce.errors import NotFound, Rejected
from salesforce.values import ExternalId

KNOWLEDGE = "__kav"


def apply(letter: Letter, client: Client) -> str:
    """Apply a command on an article; give the version that it ended on."""
    command, version = letter.command, letter.command.record_id or ""
    match command.op:
        case Op.CREATE | Op.UPSERT if letter.key_field:
            key = ExternalId(letter.key_field, command.external_id or "")
            return client.upsert(command.sobject, key, letter.fields, letter.manner).id
        case Op.CREATE:
            return client.create(command.sobject, letter.fields, letter.manner)
        case Op.UPDATE:
            return _update(letter, client)
        case Op.PUBLISH:
            client.publish_article(version, new_version=letter.fields.get(NEW_VERSION) is True)
        case Op.ARCHIVE:
            client.archive_article(version)
        case _:
            _delete(command.sobject, version, client)
    return version


def draft_of(sobject: str, version: str, client: Client) -> str | None:
    """Find the draft that a change of this version stands on; None: there is none."""
    found = _version(sobject, version, client)
    return version if found["PublishStatus"] == "Draft" else _draft(sobject, found, client)


def status_of(sobject: str, version: str, client: Client) -> str | None:
    """Say whether a version is Draft, Online or Archived; None: it is gone."""
    try:
        return str(_version(sobject, version, client)["PublishStatus"])
    except NotFound:
        return None


def _update(letter: Letter, client: Client) -> str:
    command = letter.command
    version = command.record_id or ""
    found = _version(command.sobject, version, client)
    if found["PublishStatus"] == "Archived":
        raise Rejected(
            f"version {version} is archived: restore it in Salesforce, or update its article's "
            "version that is online",
            code="ARTICLE_ARCHIVED",
        )
    if found["PublishStatus"] == "Online":
        version = _draft(command.sobject, found, client) or client.draft_of_article(
            found["KnowledgeArticleId"]
        )
    client.update(command.sobject, version, letter.fields, letter.manner)
    return version


def _delete(sobject: str, version: str, client: Client) -> None:
    status = status_of(sobject, version, client)
    if status == "Online":
        raise Rejected(
            f"version {version} is online: archive it first, by: "
            f"scsync submit archive {sobject} {version}",
            code="ARTICLE_ONLINE",
        )
    if status:
        client.delete_article(version)


def _version(sobject: str, version: str, client: Client) -> dict[str, Any]:
    names = ["Id", "PublishStatus", "KnowledgeArticleId", "Language"]
    query = soql.select(names, sobject, where=soql.eq("Id", version), limit=1)
    found = client.query_page(query).records
    if not found:
        raise NotFound(f"there is no version {version}", code="NOT_FOUND")
    return found[0]


def _draft(sobject: str, online: dict[str, Any], client: Client) -> str | None:
    where = soql.and_(
        soql.eq("KnowledgeArticleId", online["KnowledgeArticleId"]),
        soql.eq("Language", online["Language"]),
        soql.eq("PublishStatus", "Draft"),
    )
    found = client.query_page(soql.select(["Id"], sobject, where=where, limit=1)).records
    return str(found[0]["Id"]) if found else None
