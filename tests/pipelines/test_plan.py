"""A plan asks for the fields that are there, shown, and of a type that our column holds."""

from datetime import UTC, datetime

import msgspec
import pytest

from models.case import Case
from models.columns import Kind, SyncField
from models.dynamic import make
from models.field_state import FieldState
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
    plan = plan_for(Case, _describe(Subject="string", Mood__c="string"))  # Mood: no column yet
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


def _added(name: str, column: str, kind: Kind = Kind.TEXT) -> FieldState:
    return FieldState(
        sobject="Case",
        api_name=name,
        column_name=column,
        kind=str(kind),
        added=True,
        status="active",
        since=datetime(2026, 3, 1, tzinfo=UTC),
    )


def test_added_columns_are_asked_for_like_ours() -> None:
    """What has a column is read; what lost its type goes to extra, what is gone is missing."""
    known = [
        _added("Tier__c", "tier__c"),
        _added("Size__c", "size__c", Kind.NUMBER),
        _added("Gone__c", "gone__c"),
    ]
    describe = _describe(Tier__c="picklist", Size__c="string")
    plan = plan_for(Case, describe, known=known, chosen=["*"])
    assert "tier__c" in {field.column for field in plan.fields}
    assert plan.overflow == ("Size__c",)
    assert {"Size__c", "Gone__c"} <= set(plan.missing)
    assert plan.query(WHERE).startswith("SELECT Id, SystemModstamp, Tier__c, Size__c FROM Case")


def test_a_row_filter_narrows_every_question() -> None:
    """The filter stands in parentheses beside the object's own condition."""
    row_filter = "Status = 'New' OR Status = 'Open'"
    plan = plan_for(KnowledgeArticle, _describe(), row_filter=row_filter)
    own = "PublishStatus IN ('Draft', 'Online', 'Archived')"
    assert plan.scoped(WHERE) == f"{own} AND ({row_filter}) AND {WHERE}"
    assert plan.scoped("") == f"{own} AND ({row_filter})"
    assert f"({row_filter}) AND {WHERE}" in plan.count(WHERE)


def test_computed_fields_are_known_by_describe_or_by_name() -> None:
    """Formulas say so themselves; a status that follows the calendar is known to the model."""
    describe = _describe(ContactEmail="email", Subject="string", IsClosed="boolean")
    formula = msgspec.structs.replace(describe.fields[-1], calculated=True)
    describe = msgspec.structs.replace(describe, fields=(*describe.fields[:-1], formula))
    names = {field.api_name for field in plan_for(Case, describe).computed}
    assert names == {"ContactEmail", "IsClosed"}


@pytest.mark.parametrize("stamp", ["LastModifiedDate", "CreatedDate", "LoginTime"])
def test_an_object_without_the_stamp_is_asked_by_another(stamp: str) -> None:
    """The best there is fills system_modstamp, and stands in for it in every question."""
    shown = (FieldDescribe(name="Id", type="id"), FieldDescribe(name=stamp, type="datetime"))
    known = [_added(stamp, stamp.lower(), Kind.INSTANT)] if stamp == "LoginTime" else []
    plan = plan_for(make("CaseHistory"), Describe(name="CaseHistory", fields=shown), known=known)
    query = plan.query(WHERE)
    assert query.partition(" FROM ")[0] == f"SELECT Id, {stamp}"
    assert query.partition(" WHERE ")[2].startswith(f"{stamp} >= 2026-01-01T00:00:00Z")
    assert query.endswith(f" ORDER BY {stamp}, Id LIMIT {PAGE}")
    assert plan.fields[-1] == SyncField("system_modstamp", stamp, Kind.INSTANT)


def test_an_object_without_any_stamp_is_refused() -> None:
    """What changed cannot be asked for: the message says why."""
    shown = (FieldDescribe(name="Id", type="id"),)
    with pytest.raises(Skip, match="shows none of SystemModstamp, LastModifiedDate"):
        plan_for(make("CaseHistory"), Describe(name="CaseHistory", fields=shown))


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
