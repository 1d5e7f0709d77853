"""The data dictionary, from the definitions themselves.

python -m store.reports.dictionary docs/reports.md    writes it anew between its two marks
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from models import CATALOG as OBJECTS
from store.reports.catalog import CATALOG
from store.reports.report import Report

BEGIN, END = "<!-- dictionary: begin -->", "<!-- dictionary: end -->"


def inserted(page: str) -> str:
    """Give the page with the dictionary between its marks; ValueError where it has none."""
    pattern = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"the page has no {BEGIN} and {END}")
    return pattern.sub(lambda _: f"{BEGIN}\n\n{dictionary()}\n{END}", page)


def dictionary() -> str:
    """Write a section for each view, and what history keeps."""
    views = "\n".join(line for report in CATALOG.values() for line in _view(report))
    return f"{views}\n{_history()}"


def _view(report: Report) -> Iterator[str]:
    yield f"### {report.title}: `{report.view}`\n"
    hangs_on = ", ".join(f"`{one}`" for one in report.hangs_on)
    yield f"{report.sentence} Rows stand by `{report.order}`; figures hang on {hangs_on}.\n"
    yield "| column | kind | meaning |\n|---|---|---|"
    for one in report.all_columns:
        yield f"| `{one.name}` | {one.kind} | {one.meaning} |"
    yield ""


def _history() -> str:
    kept = (
        f"| `{model.table().name}` | "
        + ", ".join(f"`{one.column}`" for one in model.fields() if one.api_name in model.history)
        + " |"
        for model in OBJECTS
        if model.history
    )
    lines = "\n".join(kept)
    return f"### What `record_history` keeps\n\n| table | columns |\n|---|---|\n{lines}\n"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(inserted(path.read_text()))
