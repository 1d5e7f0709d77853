"""The forms of tools: what each takes, and what each answers, as JSON Schema."""

from agents.fields import ID_PATTERN, Schema, fields_schema
from models.action import Action, Verb
from models.command import Conflict, Op
from salesforce.describe import Describe

LONGEST_WAIT = 60  # s; hosts give a tool a minute or so
WAIT = 5.0
MOST_RECORDS = 200
RECORDS = 20
_SHORTEST_TERM = 2  # characters, of a search

_RECORD_ID: Schema = {
    "type": "string",
    "pattern": ID_PATTERN,
    "description": "The record's id: 15 or 18 letters and digits.",
}
_WAIT: Schema = {
    "type": "number",
    "minimum": 0,
    "maximum": LONGEST_WAIT,
    "default": WAIT,
    "description": "Seconds to wait for the outcome.",
}
_KEY: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "description": "A call that is repeated with its key does nothing twice, and says repeated; "
    "another one needs another key.",
}
_GUARD: Schema = {
    "on_conflict": {
        "type": "string",
        "enum": [str(one) for one in Conflict],
        "description": "If somebody else changed the record since scsync last read it: reject, "
        "overwrite, or merge (write only what nobody else touched). Else nobody looks.",
    },
    "expected_modstamp": {
        "type": "string",
        "format": "date-time",
        "description": "The SystemModstamp that the record must still have.",
    },
}
_DUPLICATES: Schema = {
    "type": "boolean",
    "description": "Save what a duplicate rule would only warn of.",
}
_ASSIGN: Schema = {
    "type": ["boolean", "string"],
    "description": "true, or an assignment rule's id: it runs, and may change the owner.",
}
_SOURCE: Schema = {
    "type": "string",
    "enum": ["org", "store"],
    "default": "org",
    "description": "org: Salesforce now, for an API call. store: scsync's copy, for none; "
    "as_of in the answer says how fresh it is.",
}
_NAMES: Schema = {
    "type": "array",
    "items": {"type": "string"},
    "minItems": 1,
    "maxItems": 100,
    "description": "API names of the fields to answer with.",
}
WHERE: Schema = {
    "type": "array",
    "items": {"type": "string"},
    "maxItems": 20,
    "description": "Conditions that all hold, like Status=New, Priority!=Low, OwnerId=null or "
    "CreatedDate>=2026-01-31T09:00:00Z; signs are = != > >= < <=.",
}
LIMIT: Schema = {
    "type": "integer",
    "minimum": 1,
    "maximum": MOST_RECORDS,
    "default": RECORDS,
    "description": "Records in the answer, at most.",
}
PAGE: Schema = {"type": "integer", "minimum": 1, "maximum": 1_000_000, "default": 1}


def input_schema(action: Action, describe: Describe | None) -> Schema:
    """Say what a tool takes; without a describe, its fields are checked when it is called."""
    match action.verb:
        case Verb.GET:
            taken, required = {"record_id": _RECORD_ID, "fields": _NAMES, "source": _SOURCE}, 1
        case Verb.LIST:
            taken, required = {**_LIST, "source": _SOURCE}, 0
        case Verb.SEARCH:
            taken, required = _search(action), 1
        case _:
            taken, required = _written(action, describe)
    return _object(taken, list(taken)[:required])


def _written(action: Action, describe: Describe | None) -> tuple[Schema, int]:
    """Lay out what a command may say; what comes first is required."""
    common = {"idempotency_key": _KEY, "wait": _WAIT}
    match action.verb:
        case Verb.DELETE:
            return {"record_id": _RECORD_ID, **_GUARD, **common}, 1
        case Verb.PUBLISH:
            return {"record_id": _RECORD_ID, "new_version": _NEW_VERSION, **common}, 1
    op = Op(action.verb)
    fields = (
        fields_schema(op, describe, action.shown)
        if describe
        else {"type": "object", "minProperties": 1}
    )
    manners = {"allow_duplicates": _DUPLICATES, **common}
    if action.sobject == "Case":
        manners = {"auto_assign": _ASSIGN, **manners}
    if op is Op.CREATE:
        return {"fields": fields, **manners}, 1
    return {"record_id": _RECORD_ID, "fields": fields, **_GUARD, **manners}, 2


def _search(action: Action) -> Schema:
    term = {
        "type": "string",
        "minLength": _SHORTEST_TERM,
        "maxLength": 200,
        "description": "Words to look for in all fields.",
    }
    taken = {"term": term, "where": WHERE, "limit": LIMIT, "fields": _NAMES}
    if action.sobject == "Knowledge__kav":
        taken["language"] = {
            "type": "string",
            "default": "en_US",
            "description": "Language of the articles.",
        }
    return taken


def _object(properties: Schema, required: list[str]) -> Schema:
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


_NEW_VERSION: Schema = {
    "type": "boolean",
    "description": "Whether the version gets the next number, or takes the old one's.",
}
_LIST: Schema = {
    "where": WHERE,
    "order": {"type": "string", "description": "Field, 'Field DESC', or several with commas."},
    "limit": LIMIT,
    "page": PAGE,
    "fields": _NAMES,
}
COMMAND_INPUT = _object(
    {
        "command_id": {
            "type": "string",
            "format": "uuid",
            "description": "As the write answered.",
        },
        "wait": {**_WAIT, "default": 0},
    },
    ["command_id"],
)

_TEXT: Schema = {"type": ["string", "null"]}
_FRESHNESS: Schema = {
    "source": {"type": "string"},
    "as_of": {**_TEXT, "description": "Everything up to then is in the answer."},
    "note": {"type": "string"},
}
RECORD_OUTPUT: Schema = {
    "type": "object",
    "properties": {**_FRESHNESS, "record": {"type": "object"}},
    "required": ["source", "as_of", "record"],
}
RECORDS_OUTPUT: Schema = {
    "type": "object",
    "properties": {
        **_FRESHNESS,
        "records": {"type": "array", "items": {"type": "object"}},
        "next_page": {"type": ["integer", "null"]},
    },
    "required": ["source", "as_of", "records"],
}
COMMAND_OUTPUT: Schema = {
    "type": "object",
    "properties": {
        "command_id": {"type": "string"},
        "op": {"type": "string"},
        "sobject": {"type": "string"},
        "state": {"type": "string"},
        "finished": {"type": "boolean"},
        "record_id": _TEXT,
        "attempts": {"type": "integer"},
        "error": {"type": ["object", "null"]},
        "note": {"type": "string"},
        "repeated": {
            "type": "boolean",
            "description": "Of a write: its key was known, and so is the answer.",
        },
    },
    "required": ["command_id", "state", "finished", "record_id"],
}
