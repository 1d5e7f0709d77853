"""Knowledge articles: only drafts are written, versions go online, off line, and away."""

from typing import Any
from uuid import uuid4

from tests.pipelines.push.ground import Place

KAV = "Knowledge__kav"


def on(version: str, op: str = "update", **fields: Any) -> dict[str, Any]:
    return {"op": op, "sobject": KAV, "record_id": version, "fields": fields}


def online(place: Place) -> str:
    """Have an article written and published; give the version."""
    fields = {"Title": "Reset", "UrlName": f"reset-{uuid4().hex}"}
    (made,) = place.submit({"op": "create", "sobject": KAV, "fields": fields})
    place.drain()
    version = place.entry(made).result_id or ""
    place.submit(on(version, "publish"))
    place.drain()
    return version


def status(place: Place, version: str) -> tuple[str, int]:
    query = f"SELECT PublishStatus, VersionNumber FROM {KAV} WHERE Id = '{version}'"  # noqa: S608
    (row,) = place.org.run(lambda org: org.query_rows(query))
    return row["PublishStatus"], row["VersionNumber"]


def test_a_change_of_what_is_online_opens_a_draft(place: Place) -> None:
    """The online version stays up; the draft bears the change, and is what the command names."""
    version = online(place)
    first, second = place.submit(on(version, Title="New"), on(version, Summary="Short"))
    place.drain()
    draft = place.entry(first).result_id or ""
    assert draft != version
    assert place.entry(second).result_id == draft
    assert (status(place, version)[0], status(place, draft)[0]) == ("Online", "Draft")
    assert (place.row(KAV, draft) or {})["title"] == "New"


def test_a_lost_reply_opens_no_second_draft(place: Place) -> None:
    """The draft that was opened before the reply was lost is the one that is changed."""
    version = online(place)
    draft = "createDraftFromOnlineKnowledgeArticle"
    place.org.fault(match={"path": draft}, do={"drop": "after"})
    (command,) = place.submit(on(version, Title="New"))
    place.drain_patiently(lambda: place.state(command) == "applied")
    assert status(place, place.entry(command).result_id or "")[0] == "Draft"


def test_a_draft_takes_the_place_of_its_version_or_the_next_number(place: Place) -> None:
    """Published as a new version it gets the next number."""
    version = online(place)
    (change,) = place.submit(on(version, Title="New"))
    place.drain()
    draft = place.entry(change).result_id or ""
    place.submit(on(draft, "publish", NewVersion=True))
    place.drain()
    assert status(place, draft) == ("Online", 2)


def test_an_article_is_archived_before_it_is_deleted(place: Place) -> None:
    """A delete of what is online is refused with the way to go; archived first, it is gone."""
    version = online(place)
    (early,) = place.submit(on(version, "delete"))
    place.drain()
    assert place.entry(early).error_code == "ARTICLE_ONLINE"
    assert "archive" in (place.entry(early).error_message or "")
    ids = place.submit(on(version, "archive"), on(version, "delete"))
    place.drain()
    assert [place.state(one) for one in ids] == ["applied", "applied"]


def test_what_is_archived_cannot_be_changed(place: Place) -> None:
    """An update of an archived version is refused in words that help."""
    version = online(place)
    place.submit(on(version, "archive"))
    place.drain()
    (late,) = place.submit(on(version, Title="New"))
    place.drain()
    assert place.entry(late).error_code == "ARTICLE_ARCHIVED"
