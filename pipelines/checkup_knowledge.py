"""Whether there is Knowledge to read: a describe alone does not tell off from hidden."""

from pipelines.checkup_actions import Describing
from pipelines.verdicts import Finding, Verdict
from salesforce.client import Client
from salesforce.errors import SalesforceError

ARTICLES = "Knowledge__kav"
_TOPIC = "Knowledge"
_ON, _OFF, _UNSEEN = (
    "on in this org, but its articles are hidden from this user",
    "off in this org",
    "off in this org, or hidden from this user",
)
_GRANT = "Give the user Knowledge User (a box on the user) and Read on articles"
_SWITCH = "Switch it on in Setup, Knowledge Settings, and give the user Knowledge User"
_LEAVE_OUT = (
    "or leave Knowledge__kav out of SCSYNC_OBJECTS, and *_knowledge_article* out of SCSYNC_ACTIONS."
)


def knowledge(client: Client, get: Describing, *, is_wanted: bool) -> Finding:
    """Say whether Knowledge is on and open to this user; a trouble only where it is wanted."""
    try:
        if get(ARTICLES) is not None:
            return Finding(_TOPIC, Verdict.OK, "on, and open to this user")
    except SalesforceError as error:
        return Finding(_TOPIC, Verdict.FAILURE, error.message, error.remedy or "")
    is_on = _is_on(client)
    evidence = {True: _ON, False: _OFF, None: _UNSEEN}[is_on]
    if not is_wanted:
        return Finding(_TOPIC, Verdict.OK, f"{evidence}; nothing here asks for it")
    remedy = f"{_GRANT if is_on else _SWITCH}, {_LEAVE_OUT}"
    return Finding(_TOPIC, Verdict.WARNING, evidence, remedy)


def _is_on(client: Client) -> bool | None:
    try:
        return client.has_knowledge()
    except SalesforceError:
        return None
