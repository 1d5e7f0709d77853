"""API names and column names: one rule, both ways; and names where the rule meets a taken one."""

import hashlib
import re
from collections.abc import Container

LONGEST = 63  # bytes of a PostgreSQL identifier; API names are ASCII
_TABLE = 44  # leaves room for `stage_` and a digest, which the store puts around it
_DIGEST = 6

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SUFFIX = re.compile(r"(?P<stem>.+)__(?P<suffix>[a-z]+)")  # __c, __kav, __pc
_HISSING = ("s", "x", "z", "ch", "sh")


def column_name(api_name: str) -> str:
    """`CaseNumber` → `case_number`, `Sync_Key__c` → `sync_key__c`."""
    return _WORD_START.sub("_", api_name).lower()


def api_name(column: str) -> str:
    """`case_number` → `CaseNumber`; custom names keep their underscores, as Setup proposes them."""
    custom = _SUFFIX.fullmatch(column)
    if custom is None:
        return "".join(word.capitalize() for word in column.split("_"))
    words = (word.capitalize() for word in custom["stem"].split("_"))
    return f"{'_'.join(words)}__{custom['suffix']}"


def free_column(api_name: str, taken: Container[str]) -> str:
    """Name a column for a field of any spelling.

    Where the rule's name is taken, or too long for PostgreSQL, a digest of the API name tells it
    apart, the same one wherever it is made.
    """
    return _free(column_name(api_name), api_name, taken, LONGEST)


def table_name(sobject: str, taken: Container[str]) -> str:
    """`Product2` → `product2s`, `CaseHistory` → `case_histories`, `Invoice__c` → `invoice__c`.

    Standard objects stand in the plural, which keeps `Order` and `Group` clear of SQL's own words.
    """
    name = column_name(sobject)
    return _free(name if _SUFFIX.fullmatch(name) else _plural(name), sobject, taken, _TABLE)


def _plural(name: str) -> str:
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(_HISSING) else f"{name}s"


def _free(name: str, api_name: str, taken: Container[str], longest: int) -> str:
    if len(name) <= longest and name not in taken:
        return name
    digest = hashlib.sha256(api_name.encode()).hexdigest()[:_DIGEST]
    return f"{name[: longest - _DIGEST - 1]}_{digest}"
