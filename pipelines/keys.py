"""Keys of creates: the best way there is to make a record once, by what the org offers."""

from collections.abc import Callable

from models.outbox import KeyKind
from salesforce.describe import Describe, FieldDescribe

_LENGTH = 36  # a UUID


def key_kind(describe: Describe, key_field: str, *, serves_once: Callable[[str], bool]) -> KeyKind:
    """Say how creates of an object are kept from happening twice."""
    field = describe.field(key_field)
    if field and bears_keys(field):
        return KeyKind.EXTERNAL_ID
    return KeyKind.IDEMPOTENCY if serves_once(describe.name) else KeyKind.PROBE


def bears_keys(field: FieldDescribe) -> bool:
    """Tell whether a field can hold the keys of creates: an external id, unique, long enough."""
    is_key = field.external_id and field.unique and field.createable
    return is_key and field.length >= _LENGTH
