"""A record: what the store holds, its history, its commands; and a change proposed by a form."""

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from config.settings import ConfigError
from console.access.route import route
from console.pages import proposal
from console.pages.frame import back, form, pulled, show
from console.problems import Problem
from models.api_key import Scope
from models.command import Command, Conflict, InvalidCommand
from models.sobject import SObject
from pipelines import kin, typed
from pipelines.describes import Describes
from pipelines.receipts import Refused
from pipelines.record import stored
from pipelines.submit import submitted
from salesforce.describe import Describe
from salesforce.ids import is_id, to_18
from store import accounts, listing
from worker.app import App

_COMMANDS = 25
_CHANGES = 50


def routes(parts: App) -> list[BaseRoute]:
    """Answer at /records and below."""

    def find(request: Request) -> Response:
        record_id = _id(request.query_params.get("id", "").strip())
        with parts.store.read() as tx:
            model = kin.holder(tx, parts.models, record_id)
        if model is None:
            raise Problem(404, f"the store has no record {record_id}: pull its object first")
        return RedirectResponse(f"/records/{model.sobject}/{record_id}", 303)

    def one_record(request: Request) -> Response:
        return _page(request, parts)

    def propose(request: Request) -> Response:
        return _proposed(request, parts)

    return [
        route("/records", find, scope=Scope.READ),
        route("/records/{sobject}/{record_id}", one_record, scope=Scope.READ),
        route("/records/{sobject}/{record_id}", propose, scope=Scope.SUBMIT, methods=("POST",)),
    ]


def _page(
    request: Request,
    parts: App,
    *,
    given: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
    trouble: Sequence[str] = (),
) -> Response:
    """Show a record; with a form that was refused, what was typed and what is wrong with it."""
    model, record_id = (
        pulled(parts, request.path_params["sobject"]),
        _id(request.path_params["record_id"]),
    )
    with parts.store.read() as tx:
        found = stored(tx, model, record_id)
        if found is None:
            raise Problem(404, f"the store has no {model.sobject} {record_id}: pull first")
        title, refers = kin.name_of(tx, model, record_id), kin.referred(tx, model, found.fields)
        past = kin.past(tx, model, record_id, limit=_CHANGES)
        commands = listing.of_record(tx, model.sobject, record_id, limit=_COMMANDS)
        account = accounts.get(tx, parts.name)
    return show(
        request,
        parts,
        "record.html",
        status=422 if wrong or trouble else 200,
        found=found,
        title=title,
        refers=refers,
        commands=commands,
        past=past,
        since=listing.since,
        instance=account.instance_url if account else None,
        inputs=proposal.inputs(
            _describe(parts, model.sobject), found.fields, given or {}, wrong or {}
        ),
        modstamp=(given or {}).get("modstamp", found.fields["SystemModstamp"].isoformat()),
        on_conflict=(given or {}).get("on_conflict"),
        trouble=trouble,
    )


def _proposed(request: Request, parts: App) -> Response:
    given, model = form(request), pulled(parts, request.path_params["sobject"])
    record_id = _id(request.path_params["record_id"])
    describes = Describes(client=None, store=parts.store, clock=parts.clock)
    sent = _merged(parts, model, record_id, given)
    fields = typed.filled_in(proposal.changed(sent), model.sobject, describes=describes)
    if not fields:
        why = proposal.OUTDATED if proposal.changed(given) else "nothing was changed"
        return _page(request, parts, given=given, trouble=[why])
    asked = {
        "op": "update",
        "sobject": model.sobject,
        "record_id": record_id,
        "fields": fields,
        **proposal.manners(sent),
    }
    operator = request.state.operator
    beside = submitted(operator, parts.clock)
    try:
        command = Command.from_json(asked)
        (receipt,) = parts.desk.submit([command], operator=operator, beside=beside)
    except InvalidCommand as error:
        return _page(request, parts, given=given, trouble=[str(error)])
    except ConfigError as error:
        raise Problem(503, str(error)) from None
    except Refused as error:
        wrong, trouble = proposal.sorted_out(error, given)
        return _page(request, parts, given=given, wrong=wrong, trouble=trouble)
    is_whole = len(fields) == len(proposal.changed(given))
    return back(f"/commands/{receipt.id}", "proposed" if is_whole else "proposed-some")


def _merged(
    parts: App, model: type[SObject], record_id: str, given: Mapping[str, str]
) -> Mapping[str, str]:
    """Give a form as it is to be sent: of one that is to be merged, what others left alone."""
    if given.get("on_conflict") != Conflict.MERGE:
        return given
    with parts.store.read() as tx:
        found = stored(tx, model, record_id)
    return proposal.merged(given, found.fields) if found else given


def _id(given: str) -> str:
    if not is_id(given):
        raise Problem(400, f"{given!r} is not a record id (15 or 18 characters)")
    return to_18(given)


def _describe(parts: App, sobject: str) -> Describe | None:
    """Give what the org said of an object last; no page waits for the org."""
    try:
        return Describes(client=None, store=parts.store, clock=parts.clock).get(sobject)
    except LookupError:
        return None
