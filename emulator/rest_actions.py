"""Invocable actions: those of Knowledge, item by item, with outcomes keyed by 15-character Ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.errors import ApiError, not_found
from emulator.exchange import as_list, as_object, json_answer
from emulator.routes import Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.exchange import Answer, Request
    from emulator.rest import Rest

PUBLICATIONS = {"PUBLISH_ARTICLE": False, "PUBLISH_ARTICLE_NEW_VERSION": True}


def list_actions(_rest: Rest, request: Request) -> Answer:
    root = f"/services/data/v{request.version}/actions/standard"
    found = [{"label": name, "name": name, "type": name.upper()} for name in ACTIONS]
    return json_answer({"actions": [one | {"url": f"{root}/{one['name']}"} for one in found]})


def invoke(rest: Rest, request: Request, name: str) -> Answer:
    action = ACTIONS.get(name)
    if action is None:
        raise not_found()
    inputs = as_list(request.fields().get("inputs"), "inputs")
    outcomes = [action(rest, request, as_object(one)) for one in inputs]
    told = [_outcome(name, outcome) for outcome in outcomes]
    return json_answer(told, 200 if any(one["isSuccess"] for one in told) else 400)


def _outcome(name: str, outcome: dict[str, Any]) -> dict[str, Any]:
    errors = outcome.pop("errors", None)
    is_success = errors is None and outcome.pop("success", True)
    return {
        "actionName": name,
        "errors": errors,
        "isSuccess": is_success,
        "outputValues": outcome or None,
    }


def _publish(rest: Rest, request: Request, given: dict[str, Any]) -> dict[str, Any]:
    kind = given.get("pubAction")
    if kind not in PUBLICATIONS:
        return _failure("INVALID_INPUT", f"pubAction '{kind}' is not supported")
    org, new_version = rest.instance.org, PUBLICATIONS[kind]
    return _each(
        rest,
        given,
        lambda one: org.publish(one, new_version=new_version, user_id=request.user_id),
    )


def _archive(rest: Rest, request: Request, given: dict[str, Any]) -> dict[str, Any]:
    org = rest.instance.org
    return _each(rest, given, lambda one: org.archive(one, user_id=request.user_id))


def _delete(rest: Rest, request: Request, given: dict[str, Any]) -> dict[str, Any]:
    org = rest.instance.org
    return _each(rest, given, lambda one: org.delete_version(one, user_id=request.user_id))


def _each(rest: Rest, given: dict[str, Any], act: Callable[[str], object]) -> dict[str, Any]:
    outcome: dict[str, Any] = {}
    for one in as_list(given.get("articleVersionIdList"), "articleVersionIdList"):
        try:
            with rest.instance.org.savepoint():
                act(one)
            outcome[one[:15]] = "Success"
        except ApiError as error:
            outcome[one[:15]] = error.message
            outcome["success"] = False
    return outcome


def _draft(rest: Rest, request: Request, given: dict[str, Any]) -> dict[str, Any]:
    if given.get("action") != "EDIT_AS_DRAFT_ARTICLE" or not given.get("articleId"):
        return _failure("INVALID_INPUT", "EDIT_AS_DRAFT_ARTICLE with an articleId is supported")
    org = rest.instance.org
    try:
        with org.savepoint():
            return {"draftId": org.new_draft(given["articleId"], user_id=request.user_id)}
    except ApiError as error:
        return _failure(error.code, error.message)


def _failure(code: str, message: str) -> dict[str, Any]:
    return {"errors": [{"statusCode": code, "message": message, "fields": []}]}


ACTIONS: dict[str, Callable[[Rest, Request, dict[str, Any]], dict[str, Any]]] = {
    "publishKnowledgeArticles": _publish,
    "createDraftFromOnlineKnowledgeArticle": _draft,
    "archiveKnowledgeArticles": _archive,
    "deleteKnowledgeArticles": _delete,
}

ROUTES = [
    Route("GET", "actions/standard", "actions", list_actions),
    Route("POST", "actions/standard/{name}", "actions.invoke", invoke),
]
