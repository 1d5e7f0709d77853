"""sObjects that no file describes: classes made at run time, out of the migrations' sight."""

import pytest
from sqlmodel import SQLModel

from models import CATALOG, by_name, declare
from models.case import Case
from models.dynamic import is_dynamic, make
from models.user import User


@pytest.mark.parametrize(
    ("sobject", "table"),
    [
        ("Invoice__c", "invoice__c"),
        ("acme__SLA_Tier__c", "acme__sla_tier__c"),
        ("Order", "orders"),
        ("CaseHistory", "case_histories"),
        ("Holiday", "holidays"),
        ("BusinessProcess", "business_processes"),
        ("Product2", "product2s"),
    ],
)
def test_a_table_is_named_by_one_rule(sobject: str, table: str) -> None:
    """Standard objects stand in the plural, clear of SQL's words; custom ones keep their name."""
    assert make(sobject).table().name == table


def test_a_table_of_ours_is_never_taken() -> None:
    """KnowledgeArticle would fall into the table of Knowledge__kav: it gets a name of its own."""
    name = make("KnowledgeArticle").table().name
    assert name.startswith("knowledge_articles_")
    assert name not in SQLModel.metadata.tables


def test_migrations_do_not_see_them() -> None:
    """Neither the table nor its columns belong to the schema that migrations compare with."""
    model = make("Invoice__c")
    assert model.table().name not in SQLModel.metadata.tables
    assert {field.column for field in model.fields()} >= {"id", "system_modstamp", "is_deleted"}
    assert is_dynamic(model)
    assert not is_dynamic(Case)


def test_a_class_is_made_once() -> None:
    """The same name is the same class, wherever it is asked for."""
    [found] = declare(["Invoice__c"])
    assert found is make("Invoice__c") is by_name("Invoice__c")


def test_the_catalogue_comes_first_and_in_order() -> None:
    """Parents before children, then what the settings add, each once."""
    found = declare(["Invoice__c", "Case", "User", "Case"])
    assert found == (User, Case, make("Invoice__c"))
    assert declare([model.sobject for model in CATALOG]) == CATALOG


@pytest.mark.parametrize(
    ("slip", "meant"),
    [("Csae", "Case"), ("Cases", "Case"), ("case", "Case"), ("WorkOrders", "WorkOrder")],
)
def test_a_slip_of_the_pen_is_refused(slip: str, meant: str) -> None:
    """What is all but a name of ours is no new object."""
    with pytest.raises(LookupError, match=f"{slip} is not in the catalogue.*did you mean {meant}"):
        declare([slip])


@pytest.mark.parametrize("name", ["", "Case; DROP TABLE cases", "1st__c", "Naïve__c", "A_"])
def test_what_can_be_no_name_is_refused(name: str) -> None:
    """A name goes into SQL and SOQL as it is: only API names do."""
    with pytest.raises(LookupError):
        declare([name])
