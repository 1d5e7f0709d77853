"""What tools say of themselves: what each does, what it answers, what to do next."""

from models.action import Action, Verb

INSTRUCTIONS = """\
scsync keeps a Salesforce Service Cloud org and a SQL store in step. Tools named get_, list_ and \
search_ read: from the org (now, for an API call), or with source "store" from the copy (for none; \
as_of says how fresh). The others write: the values are checked against the org's own describe, \
stored as a command, and sent in order for each record; the answer has the command's id and its \
state. While a state is pending, sending or unclear, ask get_command and do not repeat the write; \
where a repeat may happen, give an idempotency_key. A refusal says what is wrong and what to do. \
Answers are bounded: go on by page, narrow by where, or name fewer fields."""

COMMAND = (
    "Tell how a command stands that a write of yours became: its state, the record it made, or "
    "why Salesforce refused it. `wait` waits for the outcome."
)
DESCRIBE = (
    "Name an object's fields as this Salesforce user may see them: types, lengths, what a picklist "
    "takes, what is required to create, what can be written. `search` narrows by name or label."
)
REPORT = (
    "Ask a ready-made report of scsync's own copy: no API call, as fresh as as_of says. `where` is "
    "by the report's columns, like status=New or age_days>=30; the answer explains the columns."
)

_WRITTEN = (
    "It becomes a command: the answer has its id and, after at most `wait` seconds, the outcome, "
    "or Salesforce's own refusal. If it is not finished by then, ask get_command."
)


def of(action: Action) -> str:
    """Describe an action to an agent."""
    one = action.name.partition("_")[2].replace("_", " ")
    match action.verb:
        case Verb.CREATE:
            text = f"Create a {one} ({action.sobject}) in Salesforce; record_id is the new one's."
        case Verb.UPDATE:
            text = f"Change fields of a {one} ({action.sobject}) in Salesforce; null empties one."
        case Verb.DELETE:
            text = f"Delete a {one} ({action.sobject}) in Salesforce: it goes to the recycle bin."
        case Verb.PUBLISH:
            text = "Publish the draft of a knowledge article: readers see it from then on."
        case Verb.GET:
            return f"Read one {one} ({action.sobject}); fields without a value are left out."
        case Verb.LIST:
            return (
                f"List {one} ({action.sobject} records) by conditions, in an order, page by page. "
                f"Without `fields`: {', '.join(action.shown)}."
            )
        case Verb.SEARCH:
            return (
                f"Find {one} ({action.sobject} records) by words in any field, in Salesforce's "
                "search index, which is some seconds behind; list_ tools find by exact values."
            )
    return f"{text} {_WRITTEN}"
