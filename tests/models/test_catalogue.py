"""The catalogue: tables and columns that other people's SQL relies on."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import MetaData, create_engine, insert, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable
from sqlmodel import Session, SQLModel

from models import CATALOG, SObject, by_name, columns
from models.account import Account
from models.case import Case
from models.columns import Kind, SyncField
from models.user import User

TABLES = {
    "User": "users",
    "Group": "groups",
    "Account": "accounts",
    "Contact": "contacts",
    "Contract": "contracts",
    "ServiceContract": "service_contracts",
    "ContractLineItem": "contract_line_items",
    "Asset": "assets",
    "Entitlement": "entitlements",
    "MilestoneType": "milestone_types",
    "Case": "cases",
    "CaseComment": "case_comments",
    "CaseMilestone": "case_milestones",
    "ServiceTerritory": "service_territories",
    "WorkOrder": "work_orders",
    "WorkOrderLineItem": "work_order_line_items",
    "Knowledge__kav": "knowledge_articles",
}
OURS = {"synced_at", "deleted_at", "deleted_cause", "extra"}
JOINS = {
    "case_comments": {"parent_id", "comment_body", "is_published"},
    "case_milestones": {"case_id", "target_date", "completion_date", "is_violated"},
    "cases": {"case_number", "subject", "status", "account_id", "contact_id", "owner_id"},
    "contract_line_items": {"service_contract_id", "product2_id", "unit_price"},
    "knowledge_articles": {"knowledge_article_id", "publish_status", "language", "url_name"},
    "work_order_line_items": {"work_order_id", "line_item_number"},
    "work_orders": {"case_id", "work_order_number", "street", "duration_in_minutes"},
}
PER_USER_OR_CLOCK = (
    "LastViewed",
    "LastReferenced",
    "MayEdit",
    "IsLocked",
    "TimeRemaining",
    "TimeSince",
)
STAMP = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
every_sobject = pytest.mark.parametrize("model", CATALOG, ids=lambda model: model.sobject)


@pytest.fixture
def db(database_url):
    engine = create_engine(database_url)
    SQLModel.metadata.create_all(engine, tables=[model.table() for model in CATALOG])
    with Session(engine) as session:
        yield session
    engine.dispose()


def test_tables_are_named_as_promised_and_read_parents_first():
    """People script against these names; readers meet a parent before its children."""
    assert {model.sobject: model.table().name for model in CATALOG} == TABLES
    assert [model.sobject for model in CATALOG] == list(TABLES)


@every_sobject
def test_every_table_has_the_common_columns(model):
    """Id first and alone as the key; the system fields; ours, which nobody else fills."""
    table = model.table()
    common = {"id", "is_deleted", "created_date", "last_modified_by_id", "system_modstamp"}
    assert set(table.columns.keys()) >= common | OURS
    assert table.columns.keys()[0] == "id"
    assert table.primary_key.columns.keys() == ["id"]
    assert table.c.id.type.length == 18


@every_sobject
def test_only_what_must_be_there_is_required(model):
    """Describe's `nillable=false` does not hold for old records, so columns do not trust it."""
    required = {column.name for column in model.table().columns if not column.nullable}
    assert required == {"id", "is_deleted", "system_modstamp"}


@every_sobject
def test_nothing_slows_a_load(model):
    """Only the primary key is indexed, and rows may arrive in any order."""
    assert not model.table().indexes
    assert not model.table().foreign_keys


@pytest.mark.parametrize("name", JOINS)
def test_columns_that_reports_join_on_are_there(name):
    """The columns that people join and filter on keep their names."""
    assert set(SQLModel.metadata.tables[name].columns.keys()) >= JOINS[name]


def test_a_case_is_wide():
    """A case carries every standard field a reader needs."""
    assert len(Case.fields()) >= 42


@every_sobject
def test_fields_are_those_of_salesforce_in_column_order(model):
    """What is ours is never asked of Salesforce, nor what differs from user to user."""
    columns = [field.column for field in model.fields()]
    assert columns == [column.name for column in model.table().columns if column.name in columns]
    assert OURS.isdisjoint(columns)
    assert not [f for f in model.fields() if f.api_name.startswith(PER_USER_OR_CLOCK)]
    assert model.fields() is model.fields()


def test_fields_say_name_and_kind():
    """One line of a class is enough to read, store and ask for a field."""
    fields = {field.column: field for field in Account.fields()}
    assert fields["annual_revenue"] == SyncField("annual_revenue", "AnnualRevenue", Kind.NUMBER)
    assert fields["number_of_employees"].kind is Kind.WHOLE
    assert fields["sync_key__c"].api_name == "Sync_Key__c"


def test_a_name_that_breaks_the_rule_is_said_once():
    """A custom field of any spelling fits, with its API name beside its column."""

    class Visit(SObject, table=True):
        metadata = MetaData()
        __tablename__ = "visits"
        sobject = "Visit__c"
        sla_text__c: str | None = columns.text(api_name="SLAText__c")

    assert Visit.fields()[-1] == SyncField("sla_text__c", "SLAText__c", Kind.TEXT)


def test_what_commands_create_carries_a_key():
    """Only what no command creates does without the external id."""
    keyed = {model.sobject for model in CATALOG if model.upsert_key == "Sync_Key__c"}
    others = {"User", "Group", "MilestoneType", "CaseMilestone", "ServiceTerritory"}
    assert keyed == TABLES.keys() - others
    assert all(by_name(name).table().c.sync_key__c.type.length == 64 for name in keyed)


def test_a_user_is_never_asked_for_a_field_it_lacks(db):
    """User has no IsDeleted: the field is not read, and the row says false by itself."""
    assert "IsDeleted" not in {field.api_name for field in User.fields()}
    row = {"id": "005", "stamp": "2026-01-02T03:04:05.000Z"}
    db.execute(text("INSERT INTO users (id, system_modstamp) VALUES (:id, :stamp)"), row)
    assert db.scalars(select(User.is_deleted)).one() is False


def test_articles_and_queues_are_asked_for_by_a_clause():
    """Salesforce wants PublishStatus or Id in every query on articles; of groups, queues own."""
    clauses = {model.sobject: model.where for model in CATALOG if model.where}
    assert clauses.keys() == {"Knowledge__kav", "Group"}
    assert "PublishStatus" in clauses["Knowledge__kav"]
    assert clauses["Group"] == "Type = 'Queue'"


def test_an_unknown_sobject_is_refused_by_name():
    """The message names what was asked and what there is."""
    assert by_name("Case") is Case
    with pytest.raises(LookupError, match=r"Cases is not in the catalogue: User, .*Case,"):
        by_name("Cases")


def test_a_row_comes_back_as_it_went_in(db):
    """Dates stay dates, numbers numbers, instants instants, text text."""
    row = Account(
        id="001000000000001AAA",
        system_modstamp=STAMP,
        person_birthdate=date(1999, 12, 31),
        annual_revenue=0.1,
        number_of_employees=2**40,
        is_person_account=True,
        name="Zürich 🏔",
        extra={"Tier__c": "Gold"},
    )
    expected = row.model_dump()
    db.add(row)
    db.flush()
    db.expunge_all()
    assert db.get_one(Account, expected["id"]).model_dump() == expected


def test_no_extra_is_sql_null(db):
    """An empty `extra` is null, not the JSON word null."""
    db.execute(insert(Account).values(id="001", system_modstamp=STAMP, extra=None))
    assert db.scalar(text("SELECT count(*) FROM accounts WHERE extra IS NULL")) == 1


def test_postgresql_gets_its_own_types():
    """Instants carry a zone, numbers are not rounded, and JSON can be searched."""
    ddl = str(CreateTable(Account.table()).compile(dialect=postgresql.dialect()))
    assert "system_modstamp TIMESTAMP WITH TIME ZONE NOT NULL" in ddl
    assert "annual_revenue NUMERIC," in ddl
    assert "extra JSONB" in ddl
