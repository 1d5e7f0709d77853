"""Articles: drafts are written, published versions stand, old ones are archived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import ApiError, bad, not_found

if TYPE_CHECKING:
    from emulator.engine import Engine
    from emulator.tables import Row

_KAV, _KA = "Knowledge__kav", "Knowledge__ka"
_OF_ARTICLE = '"KnowledgeArticleId" = ? AND "IsDeleted" = 0 AND "Language" = ?'


def derive(engine: Engine, before: Row | None, values: Row, stamp: str) -> None:
    """Let only drafts be edited, and give a new draft its article."""
    if before is not None:
        if before["PublishStatus"] != "Draft" and "PublishStatus" not in values:
            raise bad(
                "INSUFFICIENT_ACCESS_OR_READONLY", "entity is read-only: only a draft can be edited"
            )
        return
    owner = values.get("OwnerId") or engine.default_user_id
    values |= {"OwnerId": owner, "IsLatestVersion": 1, "IsMasterLanguage": 1, "IsVisibleInApp": 1}
    values |= {"VersionNumber": values.get("VersionNumber", 1), "ArticleType": _KAV}
    values["ArticleMasterLanguage"] = values["Language"]
    if not values.get("KnowledgeArticleId"):
        values["KnowledgeArticleId"] = _new_article(engine, values, stamp)
        values["ArticleCreatedDate"], values["ArticleCreatedById"] = stamp, owner


def _new_article(engine: Engine, values: Row, stamp: str) -> str:
    number = f"{engine.tables.take('Knowledge__kav.ArticleNumber'):09d}"
    values["ArticleNumber"] = number
    row: Row = {"ArticleNumber": number, "MasterLanguage": values["Language"], "IsDeleted": 0}
    row |= {"CaseAssociationCount": 0, "TotalViewCount": 0}
    article = engine.born(engine.thing(_KA), row, user_id=values["OwnerId"], stamp=stamp)
    engine.apply(article)
    return article.id


def publish(engine: Engine, kav_id: str, *, new_version: bool, user_id: str) -> None:
    """Put a draft online; the version online until now is archived."""
    draft = _version(engine, kav_id, "Draft")
    online = _sibling(engine, draft, "Online")
    stamp = engine.stamp()
    number = draft["VersionNumber"]
    if online:
        number = online["VersionNumber"] + int(new_version)
        _move(engine, online, {"PublishStatus": "Archived", "IsLatestVersion": 0}, stamp, user_id)
    values: Row = {"PublishStatus": "Online", "IsLatestVersion": 1, "VersionNumber": number}
    values |= {"LastPublishedDate": stamp}
    values["FirstPublishedDate"] = draft["FirstPublishedDate"] or stamp
    _move(engine, draft, values, stamp, user_id)
    dates = {name: values[name] for name in ("FirstPublishedDate", "LastPublishedDate")}
    _touch_article(engine, draft, dates, stamp, user_id)


def new_draft(engine: Engine, article_id: str, *, user_id: str) -> str:
    """Copy the version online to a draft; the online one stays up."""
    versions = engine.tables.rows(
        engine.thing(_KAV), '"KnowledgeArticleId" = ? AND "IsDeleted" = 0', (article_id,)
    )
    if not versions:
        raise not_found("The requested article does not exist")
    if any(row["PublishStatus"] == "Draft" for row in versions):
        raise bad("INVALID_ARTICLE_STATE", "A draft version of this article already exists.")
    latest = max(versions, key=lambda row: (row["PublishStatus"] == "Online", row["VersionNumber"]))
    copied = {k: v for k, v in latest.items() if k not in _NOT_COPIED}
    copied |= {"PublishStatus": "Draft", "VersionNumber": latest["VersionNumber"] + 1}
    change = engine.born(engine.thing(_KAV), copied, user_id=user_id)
    engine.apply(change)
    return change.id


_NOT_COPIED = frozenset({"Id", "ArchivedDate", "ArchivedById", "ArticleArchivedDate"})


def archive(engine: Engine, kav_id: str, *, user_id: str) -> None:
    """Take the version online down."""
    online = _version(engine, kav_id, "Online")
    stamp = engine.stamp()
    values: Row = {"PublishStatus": "Archived", "ArchivedDate": stamp, "ArchivedById": user_id}
    values |= {"ArticleArchivedDate": stamp, "ArticleArchivedById": user_id, "IsLatestVersion": 0}
    _move(engine, online, values, stamp, user_id)
    gone = {"ArchivedDate": stamp, "ArchivedById": user_id}
    _touch_article(engine, online, gone, stamp, user_id)


def delete_version(engine: Engine, kav_id: str, *, user_id: str) -> None:
    """Delete a draft or an archived version; what is online must be archived first."""
    row = engine.live(engine.thing(_KAV), kav_id)
    if row["PublishStatus"] == "Online":
        raise bad(
            "INVALID_ARTICLE_STATE", "An online article must be archived before it is deleted."
        )
    engine.apply(engine.removed(engine.thing(_KAV), row, engine.stamp(), user_id, api=True))


def _version(engine: Engine, kav_id: str, status: str) -> Row:
    row = engine.live(engine.thing(_KAV), kav_id)
    if row["PublishStatus"] != status:
        raise ApiError(
            400,
            "INVALID_ARTICLE_STATE",
            f"The article version is {row['PublishStatus']}, not {status}.",
        )
    return row


def _sibling(engine: Engine, row: Row, status: str) -> Row | None:
    where = f'{_OF_ARTICLE} AND "PublishStatus" = ?'
    params = (row["KnowledgeArticleId"], row["Language"], status)
    found = engine.tables.rows(engine.thing(_KAV), where, params)
    return found[0] if found else None


def _move(engine: Engine, row: Row, values: Row, stamp: str, user_id: str) -> None:
    change = engine.changed(engine.thing(_KAV), row, values, user_id=user_id, stamp=stamp, api=True)
    engine.apply(change)


def _touch_article(engine: Engine, version: Row, values: Row, stamp: str, user_id: str) -> None:
    article = engine.tables.row(engine.thing(_KA), version["KnowledgeArticleId"])
    if article:
        touched = engine.changed(engine.thing(_KA), article, values, user_id=user_id, stamp=stamp)
        engine.apply(touched)
