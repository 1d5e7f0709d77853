"""What an edit makes of a command's fields."""

import pytest

from models.edit import Edit

HELD = {"Subjct": "One", "Priority": "High"}


@pytest.mark.parametrize(
    ("edit", "made"),
    [
        (Edit(), HELD),
        (Edit(values={"Origin": "Web"}), {**HELD, "Origin": "Web"}),
        (Edit(values={"priority": None}), {"Subjct": "One", "priority": None}),
        (Edit(renamed={"subjct": "Subject"}), {"Subject": "One", "Priority": "High"}),
        (Edit(renamed={"Priority": "priority"}), {"Subjct": "One", "priority": "High"}),
        (Edit(renamed={"Subjct": "Priority"}), None),
        (Edit(renamed={"Origin": "Status"}), None),
        (Edit(dropped=("SUBJCT",)), {"Priority": "High"}),
        (Edit(dropped=("Subjct", "Origin")), None),
    ],
    ids=str,
)
def test_fields_become_what_the_edit_says(edit: Edit, made: dict[str, object] | None) -> None:
    """Names go without regard to case; nothing is written over, and what is missing is no match."""
    assert edit.of(HELD) == made
