"""Knowledge management: publish, archive and reopen article versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import ApiError
from emulator.exchange import empty, json_answer
from emulator.routes import Route

if TYPE_CHECKING:
    from emulator.exchange import Answer, Request
    from emulator.rest import Rest

VERSIONS = "knowledgeManagement/articleVersions/masterVersions"
LANGUAGE = "en_US"


def settings(_rest: Rest, _request: Request) -> Answer:
    languages = [{"active": True, "name": LANGUAGE}]
    return json_answer(
        {"defaultLanguage": LANGUAGE, "knowledgeEnabled": True, "languages": languages}
    )


def new_draft(rest: Rest, request: Request) -> Answer:
    article_id = request.fields().get("articleId")
    if not isinstance(article_id, str):
        raise ApiError(400, "MISSING_ARGUMENT", "articleId is required", ["articleId"])
    draft = rest.instance.org.new_draft(article_id, user_id=request.user_id)
    return json_answer({"id": draft}, 201)


def change(rest: Rest, request: Request, version_id: str) -> Answer:
    body, org = request.fields(), rest.instance.org
    status = body.get("publishStatus")
    if status == "Online":
        new_version = body.get("versionNumber") == "NextVersion"
        org.publish(version_id, new_version=new_version, user_id=request.user_id)
    elif status == "Archived":
        org.archive(version_id, user_id=request.user_id)
    else:
        message = "publishStatus must be Online or Archived; this org keeps no schedule"
        raise ApiError(400, "INVALID_INPUT", message, ["publishStatus"])
    return empty()


def delete(rest: Rest, request: Request, version_id: str) -> Answer:
    rest.instance.org.delete_version(version_id, user_id=request.user_id)
    return empty()


ROUTES = [
    Route("GET", "knowledgeManagement/settings", "knowledge.settings", settings),
    Route("POST", VERSIONS, "knowledge.draft", new_draft),
    Route("PATCH", f"{VERSIONS}/{{version_id}}", "knowledge.change", change),
    Route("DELETE", f"{VERSIONS}/{{version_id}}", "knowledge.delete", delete),
]
