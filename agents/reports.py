"""Reports for agents: the reporting views as resources, and as a tool that asks them."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import mcp_types as types

from agents.bounds import bounded_list
from agents.fields import Schema
from agents.forms import LIMIT, MOST_RECORDS, PAGE, RECORDS, WHERE
from agents.reading import Arguments
from agents.results import JSON
from models.action import ACTIONS, Verb
from pipelines.actions import within_range
from store import reports
from store.engine import Store
from store.reports import FRESH, BadQuestion, Report

PREFIX = "scsync://reports/"
REPORT_TOOL = "query_report"

_CONDITION = re.compile(r"\s*(\w+)\s*(!=|>=|<=|=|>|<)\s*(.*)", re.DOTALL)
_NUMBER = re.compile(r"[1-9][0-9]{0,5}")
_LISTS = {one.sobject: one.name for one in ACTIONS.values() if one.verb is Verb.LIST}

REPORT_OUTPUT: Schema = {
    "type": "object",
    "properties": {
        "report": {"type": "string"},
        "columns": {"type": "object"},
        "as_of": {"type": ["string", "null"]},
        "unreadable": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Fields that the org hides and that these figures hang on.",
        },
        "rows": {"type": "array", "items": {"type": "object"}},
        "total": {"type": "integer"},
        "next_page": {"type": ["integer", "null"]},
        "note": {"type": "string"},
    },
    "required": ["report", "columns", "as_of", "unreadable", "rows", "total", "next_page"],
}


class Reports:
    """The reports of one store, as far as the profile lets their records be listed."""

    def __init__(self, store: Store, allows: Callable[[str], bool]) -> None:
        self._store = store
        self._allows = allows

    def offered(self) -> list[Report]:
        """List the reports that show nothing but what the enabled actions could list."""
        return [one for one in reports.CATALOG.values() if not self._withheld(one)]

    def resources(self) -> list[types.Resource]:
        return [
            types.Resource(
                uri=f"{PREFIX}{one.name}",
                name=one.view,
                title=one.title,
                description=one.sentence,
                mime_type=JSON,
            )
            for one in self.offered()
        ]

    def template(self) -> types.ResourceTemplate:
        return types.ResourceTemplate(
            uri_template=f"{PREFIX}{{name}}{{?limit,page}}",
            name="report",
            title="A report, page by page",
            description=f"Up to {MOST_RECORDS} rows a page; {REPORT_TOOL} takes conditions, too.",
            mime_type=JSON,
        )

    def input(self) -> Schema:
        """Say what the tool takes, and what each report answers."""
        offered = self.offered()
        told = " ".join(f"{one.name}: {one.sentence}" for one in offered)
        return {
            "type": "object",
            "properties": {
                "report": {
                    "type": "string",
                    "enum": [one.name for one in offered],
                    "description": told,
                },
                "where": WHERE,
                "order": {"type": "string", "description": "Columns, each with desc or without."},
                "limit": LIMIT,
                "page": PAGE,
            },
            "required": ["report"],
            "additionalProperties": False,
        }

    def read(self, uri: str) -> dict[str, Any]:
        """Read a resource; raises `BadQuestion` for an address of none."""
        parts = urlsplit(uri)
        given: Arguments = {"report": parts.path.strip("/")}
        for name, (text, *_) in parse_qs(parts.query).items():
            if name not in {"limit", "page"} or not _NUMBER.fullmatch(text):
                raise BadQuestion(f"{name}={text}: a report's address takes limit and page")
            given[name] = min(int(text), MOST_RECORDS) if name == "limit" else int(text)
        return self.answer(given)

    def answer(self, given: Arguments) -> dict[str, Any]:
        """Ask a report; raises `BadQuestion`."""
        report = reports.find(given["report"])
        if lacking := self._withheld(report):
            raise BadQuestion(f"report {report.name} needs {', '.join(lacking)} to be enabled")
        limit, page = int(given.get("limit", RECORDS)), int(given.get("page", 1))
        where = [*map(_condition, given.get("where", ()))]
        with within_range(), self._store.read() as tx:
            total = reports.count(tx, report.name, where=where)
            columns, rows = reports.rows(
                tx,
                report.name,
                where=where,
                order=given.get("order"),
                limit=limit,
                offset=(page - 1) * limit,
            )
            fresh = reports.fresh(tx, report.name)
            lacking = reports.lacking(tx, report.name)
        names = [one.name for one in columns]
        found = [dict(zip(names, row, strict=True)) for row in rows]
        kept, is_all = bounded_list([_without_freshness(one) for one in found])
        return {
            "report": report.name,
            "columns": {one.name: one.meaning for one in columns if one.name != FRESH},
            "as_of": fresh.isoformat() if fresh else None,
            "unreadable": lacking,
            "rows": kept,
            "total": total,
            "next_page": page + 1 if is_all and total > page * limit else None,
            **({} if is_all else {"note": f"{len(kept)} rows fit: ask with limit {len(kept)}"}),
        }

    def _withheld(self, report: Report) -> list[str]:
        """Name the actions that would list a report's records and are not enabled."""
        lists = [_LISTS[one] for one in report.sources if one in _LISTS]
        return [one for one in lists if not self._allows(one)]


def _condition(text: str) -> tuple[str, str]:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise BadQuestion(f"{text!r} is no condition: write column=value, != < <= > or >=")
    name, sign, value = found.groups()
    return f"{name}{sign}", "" if value == "null" else value


def _without_freshness(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != FRESH}
