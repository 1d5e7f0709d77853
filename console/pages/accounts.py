"""The account: how it stands, its grant, suspend and resume, how it is linked; and the guide."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from console.access.route import route
from console.pages.frame import back, noted, show
from console.pages.linking import way_back
from console.problems import Problem
from models.action import ACTIONS
from models.api_key import Scope
from models.linked_account import AccountState
from pipelines import link, policy
from pipelines.guide import Guide, Org, Wishes, callback_url
from pipelines.guide import guide as written
from pipelines.link import Noted
from salesforce.errors import GrantDead
from store import accounts as stored
from store import audit, places
from worker.app import App

_ACTS = 30


def routes(parts: App) -> list[BaseRoute]:
    """Answer at /accounts and /accounts/guide."""

    def accounts(request: Request) -> Response:
        with parts.store.read() as tx:
            account = stored.get(tx, parts.name)
            acts = audit.latest(tx, limit=_ACTS)
        terms = parts.settings.refresh_policy
        return show(
            request,
            parts,
            "accounts.html",
            account=account,
            policy=terms,
            ends_at=policy.ends_at(terms, account),
            is_latest=policy.is_latest(terms, account),
            notice=policy.notice(terms, account, parts.clock()),
            others=[one for one in places.known(parts.settings.database_url) if one != parts.name],
            acts=acts,
            states=AccountState,
            callback=callback_url(parts.settings.callback_port),
            way_back=way_back(request),
            has_app=bool(parts.settings.client_id),
        )

    def move(request: Request) -> Response:
        act = request.url.path.rpartition("/")[2]
        note = noted(request, parts, f"account.{act}", parts.name)
        try:
            found = _MOVES[act](parts, note)
        except GrantDead as error:
            raise Problem(409, f"{error.message}: link it anew instead (scsync link)") from None
        if not found:
            raise Problem(409, "no account is linked: run scsync link")
        return back("/accounts", "suspended" if act == "suspend" else "resumed")

    def guide(request: Request) -> Response:
        return show(request, parts, "guide.html", **_guide(request, parts))

    return [
        route("/accounts", accounts, scope=Scope.READ),
        route("/accounts/guide", guide, scope=Scope.READ),
        *(
            route(f"/accounts/{act}", move, scope=Scope.OPERATE, methods=("POST",))
            for act in _MOVES
        ),
    ]


def _suspend(parts: App, note: Noted) -> bool:
    return link.stop(parts.store, parts.name, noted=note)


def _resume(parts: App, note: Noted) -> bool:
    return link.resume(parts.store, parts.name, noted=note)


_MOVES = {"suspend": _suspend, "resume": _resume}


def _guide(request: Request, parts: App) -> dict[str, Any]:
    """Write the guide for what the address asks; all enabled actions if it asks for none."""
    given, settings = request.query_params, parts.settings
    wanted = set(given.getlist("action"))
    usual = Org.MY_DOMAIN if settings.login_url else Org(settings.environment)
    asked = given.get("environment", "")
    chosen = [name for name in ACTIONS if name in wanted] or [
        name for name in ACTIONS if parts.allows(name)
    ]
    found: Guide = written(
        Wishes(
            actions=chosen,
            environment=Org(asked) if asked in set(Org) else usual,
            unattended=given.get("unattended") == "yes",
            callback_url=callback_url(settings.callback_port),
            console_callback=way_back(request),
            login_url=settings.login_url,
        )
    )
    return {"guide": found, "actions": list(ACTIONS), "environments": list(Org)}
