"""Checkup: what has to be right before a sync can be, each finding with its remedy."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache, partial

from models import by_name
from models.action import ACTIONS, Action
from models.command import Op
from models.outbox import KeyKind
from models.sobject import SObject
from pipelines.checkup_actions import Describing, actions
from pipelines.checkup_knowledge import ARTICLES, knowledge
from pipelines.checkup_reports import report_fields
from pipelines.clerk import action_of
from pipelines.describes import Describes
from pipelines.keys import key_kind
from pipelines.plan import Skip
from pipelines.sight import sight
from pipelines.verdicts import Finding, Verdict
from salesforce.client import Client
from salesforce.errors import SalesforceError

_NOW = timedelta(0)
_SKEW = 60  # s: leases and JWT assertions bear this much
_LOW = 0.1
_OPEN = (
    "Switch it on, open it to the user, or leave it out of SCSYNC_OBJECTS and its actions out of "
    "SCSYNC_ACTIONS."
)
_REMEDY = "Run scsync link; if that does not help, ask Salesforce's administrator."


def checkup(
    models: Sequence[type[SObject]],
    *,
    client: Client,
    describes: Describes,
    clock: Callable[[], datetime],
    api_version: str,
    key_field: str,
    allows: Callable[[str], bool],
    user_id: str | None,
) -> Iterator[Finding]:
    """Look at the org, step by step; stops where nothing further can be seen."""
    try:
        versions = [version.version for version in client.versions()]
        yield _clock(client.server_time(), clock())
        version = _version(api_version, versions)
        yield version
        if version.verdict is Verdict.FAILURE:
            return
        limits = _limits(client)
        yield Finding("login", Verdict.OK, "the org answers, as the user that linked the account")
        yield limits
        yield sight(client, [model.sobject for model in models], user_id)
    except SalesforceError as error:
        yield Finding("login", Verdict.FAILURE, error.message, error.remedy or _REMEDY)
        return
    # Whoever has just mended something wants to see that it is mended: nothing remembered counts.
    get = cache(partial(describes.get, max_age=_NOW))
    enabled = [action for action in ACTIONS.values() if allows(action.name)]
    looked_at = _touched(models, enabled)
    is_wanted = any(model.sobject == ARTICLES for model in looked_at)
    yield knowledge(client, get, is_wanted=is_wanted)
    yield from actions(enabled, get)
    for model in looked_at:
        creates = allows(action_of(Op.CREATE, model.sobject))
        yield _object(model, get, describes, key_field if creates else None)
    yield report_fields([*_missing(models, describes)])


def _touched(models: Sequence[type[SObject]], enabled: Sequence[Action]) -> Sequence[type[SObject]]:
    """Put together what is pulled and what is acted on, each once."""
    return tuple(dict.fromkeys((*models, *(by_name(action.sobject) for action in enabled))))


def _missing(models: Sequence[type[SObject]], describes: Describes) -> Iterator[str]:
    """Name the fields that a pull would lack, like Case.IsClosed; objects speak for themselves."""
    for model in models:
        with suppress(Skip, SalesforceError):
            plan = describes.plan(model)
            yield from (f"{model.sobject}.{name}" for name in plan.missing)


def _clock(theirs: datetime | None, ours: datetime) -> Finding:
    skew = abs((ours - theirs).total_seconds()) if theirs else 0.0
    good = skew <= _SKEW
    return Finding(
        "clock",
        Verdict.OK if good else Verdict.WARNING,
        f"{skew:.0f} s apart from Salesforce",
        "" if good else "Keep this machine's clock by NTP.",
    )


def _version(wanted: str, known: list[str]) -> Finding:
    if wanted in known:
        return Finding("API version", Verdict.OK, wanted)
    remedy = f"Set SCSYNC_API_VERSION to one of: {', '.join(known[-3:])}."
    return Finding("API version", Verdict.FAILURE, f"the org does not speak {wanted}", remedy)


def _limits(client: Client) -> Finding:
    daily = client.limits().get("DailyApiRequests")
    if daily is None:
        return Finding("API budget", Verdict.WARNING, "the org does not tell it")
    low = daily.remaining < daily.max * _LOW
    return Finding(
        "API budget",
        Verdict.WARNING if low else Verdict.OK,
        f"{daily.remaining:,} of {daily.max:,} calls left today",
        "Raise SCSYNC_INTERVAL, or buy more calls." if low else "",
    )


def _object(  # noqa: PLR0911 - one for each way it may stand
    model: type[SObject], get: Describing, describes: Describes, key_field: str | None
) -> Finding:
    """Say what may be read; with a key field, how creates are kept from happening twice, too."""
    try:
        describe = get(model.sobject)
        plan = describes.plan(model)
    except Skip as reason:
        return Finding(model.sobject, Verdict.WARNING, str(reason), _OPEN)
    except SalesforceError as error:
        return Finding(model.sobject, Verdict.FAILURE, error.message, error.remedy or "")
    seen = f"{len(plan.fields)} fields readable"
    if plan.missing:
        all_ = len(plan.fields) + len(plan.missing)
        seen = f"{len(plan.fields)} of {all_} fields readable: see scsync schema"
    if key_field is None or not model.upsert_key or describe is None or not describe.createable:
        return Finding(model.sobject, Verdict.OK, seen)
    remedy = f"Add a text field {key_field} (unique, external id, length 64) in Salesforce."
    try:
        match key_kind(describe, key_field, serves_once=describes.serves_once):
            case KeyKind.EXTERNAL_ID:
                return Finding(model.sobject, Verdict.OK, f"{seen}; creates once by {key_field}")
            case KeyKind.IDEMPOTENCY:
                how = f"{seen}; creates once by the UI API's key, one call each"
                return Finding(model.sobject, Verdict.OK, how, remedy)
            case KeyKind.PROBE:
                how = f"{seen}; a create whose reply is lost is looked for by its contents"
                return Finding(model.sobject, Verdict.WARNING, how, remedy)
    except SalesforceError as error:
        return Finding(model.sobject, Verdict.FAILURE, error.message, error.remedy or "")
