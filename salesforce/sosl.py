"""SOSL text from parts: the term escaped, names checked.

Source: the SOQL and SOSL Reference, "FIND {SearchQuery}" and "RETURNING FieldSpec".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from salesforce.soql import identifier

if TYPE_CHECKING:
    from collections.abc import Iterable

_RESERVED = re.compile(r"""([?&|!{}\[\]()^~*:\\"'+\-])""")
SHORTEST = 2  # characters; shorter terms find nothing


def find(
    term: str,
    sobject: str,
    fields: Iterable[str],
    *,
    where: str | None = None,
    limit: int = 200,
) -> str:
    """Look for a term in all fields of an object; `where` comes from the builders of `soql`."""
    if len(term.strip()) < SHORTEST:
        raise ValueError(f"a search term has at least {SHORTEST} characters")
    names = ", ".join(identifier(field) for field in fields)
    scope = f" WHERE {where}" if where else ""
    returning = f"{identifier(sobject)}({names}{scope} LIMIT {limit:d})"
    return f"FIND {{{escaped(term.strip())}}} IN ALL FIELDS RETURNING {returning}"


def escaped(term: str) -> str:
    """Take every operator and wildcard as the character it is."""
    return _RESERVED.sub(r"\\\1", " ".join(term.split()))
