"""API names and column names: one rule, both ways."""

import re

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SUFFIX = re.compile(r"(?P<stem>.+)__(?P<suffix>[a-z]+)")  # __c, __kav, __pc


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
