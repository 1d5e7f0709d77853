"""Search: `FIND {…} RETURNING Object(fields WHERE … LIMIT n)`, answered from the rows themselves.

Modest on purpose: every word of the term has to occur in some text field; nothing is stemmed or
ranked, and there is no index that lags.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from emulator.errors import ApiError, invalid_type
from emulator.exchange import Answer, json_answer
from emulator.routes import Route

if TYPE_CHECKING:
    from emulator.exchange import Request
    from emulator.rest import Rest

MOST = 2000
SHORTEST = 2
FIND = re.compile(
    r"\s*FIND\s*\{(?P<term>(?:\\.|[^\\}])*)\}\s*(?:IN\s+(?P<group>\w+)\s+FIELDS\s+)?"
    r"(?:RETURNING\s+(?P<returning>.+?))?\s*(?:LIMIT\s+(?P<limit>\d+)\s*)?",
    re.IGNORECASE | re.DOTALL,
)
SPEC = re.compile(
    r"\s*(?P<object>\w+)\s*(?:\((?P<fields>[\w\s.,]+?)"
    r"(?:\s+WHERE\s+(?P<where>.+?))?(?:\s+LIMIT\s+(?P<limit>\d+))?\s*\))?\s*",
    re.IGNORECASE | re.DOTALL,
)
TEXT = frozenset({"string", "email", "phone", "url", "picklist"})
LONG_TEXT = frozenset({"textarea"})


def search(rest: Rest, request: Request) -> Answer:
    found = FIND.fullmatch(request.query.get("q", ""))
    if found is None:
        raise ApiError(400, "MALFORMED_SEARCH", "No search term or RETURNING clause was understood")
    words = re.sub(r"\\(.)", r"\1", found["term"]).lower().split()
    if len("".join(words)) < SHORTEST:
        message = "Search term must be longer than one character"
        raise ApiError(400, "MALFORMED_SEARCH", message)
    specs = _split(found["returning"] or "")
    rows = [row for spec in specs for row in _matches(rest, spec, words, request.version)]
    return json_answer({"searchRecords": rows[: int(found["limit"] or MOST)]})


def _split(returning: str) -> list[str]:
    """Split at the commas between objects, which are those outside of parentheses."""
    parts, depth = [""], 0
    for character in returning:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part for part in parts if part.strip()]


def _matches(rest: Rest, spec: str, words: list[str], version: str) -> list[dict[str, Any]]:
    found = SPEC.fullmatch(spec)
    if found is None:
        raise ApiError(400, "MALFORMED_SEARCH", f"unexpected token: '{spec.strip()}'")
    described = _describe(rest, found["object"])
    name = described["name"]
    if not described["searchable"]:
        raise ApiError(400, "INVALID_TYPE", f"entity type {name} does not support search")
    wanted = [field.strip() for field in (found["fields"] or "Id").split(",")]
    texts = [f["name"] for f in described["fields"] if f["type"] in TEXT | LONG_TEXT]
    asked = list(dict.fromkeys(["Id", *wanted, *texts]))
    where = f" WHERE {found['where']}" if found["where"] else ""
    soql = f"SELECT {', '.join(asked)} FROM {name}{where} ORDER BY Id"  # noqa: S608 - checked as SOQL
    limit = int(found["limit"] or MOST)
    rows = rest.instance.org.query_rows(soql)
    hits = [row for row in rows if _holds(row, texts, words)][:limit]
    return [_shown(row, name, wanted, version) for row in hits]


def _describe(rest: Rest, name: str) -> dict[str, Any]:
    """Describe an object; one that is unknown is the search's fault, not the address's."""
    try:
        return rest.instance.org.describe(name)
    except ApiError as error:
        raise invalid_type(name) from error


def _holds(row: dict[str, Any], texts: list[str], words: list[str]) -> bool:
    content = "\n".join(str(row[name]) for name in texts if row.get(name)).lower()
    return all(word in content for word in words)


def _shown(row: dict[str, Any], name: str, wanted: list[str], version: str) -> dict[str, Any]:
    url = f"/services/data/v{version}/sobjects/{name}/{row['Id']}"
    values = {field: row.get(field) for field in wanted}
    return {"attributes": {"type": name, "url": url}, **values}


ROUTES = [Route("GET", "search", "search", search)]
