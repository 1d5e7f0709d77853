"""The documents on reports say what the definitions say."""

import re
from pathlib import Path

from store.reports import CATALOG, dictionary
from tests.store.reports.conftest import Desk

PAGE = Path(__file__).parents[3] / "docs" / "reports.md"


def test_the_dictionary_is_up_to_date() -> None:
    """Else: python -m store.reports.dictionary docs/reports.md"""
    page = PAGE.read_text()
    assert dictionary.inserted(page) == page


def test_every_column_has_a_meaning_of_its_own() -> None:
    """A sentence that ends: who reads the dictionary has nothing else."""
    for report in CATALOG.values():
        names = [one.name for one in report.all_columns]
        assert len(names) == len(set(names))
        for text in (report.sentence, *(one.meaning for one in report.all_columns)):
            assert text.endswith("."), text


def test_the_sql_shown_runs(desk: Desk) -> None:
    """On both databases as it stands."""
    (block,) = re.findall(r"^```sql\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    with desk.store.read() as tx:
        for statement in filter(str.strip, block.split(";")):
            assert tx.exec_driver_sql(statement).all()
