"""A plan asks for the fields that are there, shown, and of a type that our column holds."""

import pytest

from models.case import Case
from models.knowledge_article import KnowledgeArticle
from models.user import User
from pipelines.plan import PAGE, Skip, plan_for
from salesforce.describe import Describe, FieldDescribe

WHERE = "SystemModstamp >= 2026-01-01T00:00:00Z"


def _describe(**types: str) -> Describe:
    whole = {"Id": "id", "SystemModstamp": "datetime", **types}
    fields = tuple(FieldDescribe(name=name, type=kind) for name, kind in whole.items())
    return Describe(name="Case", fields=fields)


def test_a_plan_asks_for_what_is_shown_and_names_the_rest() -> None:
    """Fields of ours that the org shows are asked for in column order, the others missing."""
    plan = plan_for(Case, _describe(Subject="string", Mood__c="string"))
    assert [field.api_name for field in plan.fields] == ["Id", "SystemModstamp", "Subject"]
    assert "CaseNumber" in plan.missing
    assert "Subject" not in plan.missing
    query = plan.query(WHERE)
    assert query.startswith("SELECT Id, SystemModstamp, Subject FROM Case WHERE System")
    assert query.endswith(f"{WHERE} ORDER BY SystemModstamp, Id LIMIT {PAGE}")


@pytest.mark.parametrize(
    ("name", "kind", "fits"),
    [
        ("Subject", "textarea", True),
        ("Subject", "date", True),
        ("Subject", "double", False),
        ("Subject", "address", False),
        ("IsClosed", "boolean", True),
        ("IsClosed", "string", False),
        ("ClosedDate", "datetime", True),
        ("ClosedDate", "date", False),
    ],
)
def test_a_field_of_another_type_is_missing(name: str, kind: str, *, fits: bool) -> None:
    """A column takes what it can hold without losing anything; text takes what comes as text."""
    plan = plan_for(Case, _describe(**{name: kind}))
    assert (name in {field.api_name for field in plan.fields}) is fits


def test_articles_are_asked_for_in_every_state() -> None:
    """Salesforce demands a publish status of a query on articles: all three are named."""
    query = plan_for(KnowledgeArticle, _describe()).query(WHERE)
    assert f"WHERE PublishStatus IN ('Draft', 'Online', 'Archived') AND {WHERE}" in query


def test_a_system_field_that_an_object_never_has_is_not_missed() -> None:
    """Users know no deletion, which is no finding."""
    assert "IsDeleted" not in plan_for(User, _describe()).missing


@pytest.mark.parametrize(
    ("describe", "said"),
    [
        (None, "has no Case"),
        (Describe(name="Case", queryable=False), "query Case"),
        (Describe(name="Case"), "Case.Id is hidden"),
    ],
)
def test_nothing_to_read_is_said_by_name(describe: Describe | None, said: str) -> None:
    """What cannot be read is skipped, and the message says what it is."""
    with pytest.raises(Skip, match=said):
        plan_for(Case, describe)
