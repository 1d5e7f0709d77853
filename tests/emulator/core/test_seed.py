"""The seed: believable, repeatable, and consistent with the org's own rules."""

from __future__ import annotations

import pytest

from emulator.ids import canonical, checksum, id_range, number_of, record_id
from emulator.org import Org

EVERY = "SELECT FIELDS(STANDARD) FROM {} ORDER BY Id"


def test_the_same_number_grows_the_same_org(clock):
    """Byte for byte, for the same clock and size; another number grows another."""
    answers = []
    for seed in (3, 3, 4):
        org = Org(cases=300, seed=seed, clock=clock)
        answers.append(org.query(EVERY.format("Case")).plain)
        org.close()
    assert answers[0] == answers[1]
    assert answers[0] != answers[2]


def test_every_object_has_rows_and_every_reference_a_target(desk):
    """No dangling Ids: each reference of each row leads to a row."""
    for entry in desk.describe_global()["sobjects"]:
        rows = desk.query_rows(EVERY.format(entry["name"]), include_deleted=True)
        assert rows, entry["name"]
        for field in desk.describe(entry["name"])["fields"]:
            if not field["referenceTo"] or field["name"] == "ProfileId":
                continue
            used = {row[field["name"]] for row in rows if not field["custom"]} - {None}
            assert all(desk._engine.tables.row(desk._registry.of_id(v), v) for v in used), field[
                "name"
            ]


def test_required_and_closed_go_together(desk):
    """The planted rows obey what the org demands of written ones."""
    for row in desk.query_rows(EVERY.format("Case"), include_deleted=True):
        assert row["IsClosed"] == (row["Status"] == "Closed") == (row["ClosedDate"] is not None)
        assert row["CreatedDate"] <= row["SystemModstamp"] <= "2026-06-01T12:00:00.000+0000"


def test_versions_of_an_article_tell_its_counts(desk):
    """To how many cases it is attached, and how often it was looked at."""
    query = "SELECT Id, CaseAssociationCount, TotalViewCount FROM Knowledge__ka"
    articles = {row["Id"]: row for row in desk.query_rows(query)}
    versions = desk.query_rows(
        "SELECT KnowledgeArticleId, ArticleCaseAttachCount, ArticleTotalViewCount"
        " FROM Knowledge__kav WHERE PublishStatus = 'Online'"
    )
    assert any(row["ArticleCaseAttachCount"] for row in versions)
    for row in versions:
        article = articles[row["KnowledgeArticleId"]]
        assert row["ArticleCaseAttachCount"] == article["CaseAssociationCount"]
        assert row["ArticleTotalViewCount"] == article["TotalViewCount"]


def test_planted_totals_are_what_a_roll_up_would_say(desk):
    """Touching a line recomputes its contract: nothing may change."""
    line = desk.query_rows("SELECT Id, ServiceContractId FROM ContractLineItem LIMIT 1")[0]
    names = ["Subtotal", "TotalPrice", "GrandTotal", "LineItemCount", "Discount"]
    before = desk.retrieve("ServiceContract", line["ServiceContractId"], names)
    desk.update("ContractLineItem", line["Id"], {}, user_id=desk.default_user_id)
    assert desk.retrieve("ServiceContract", line["ServiceContractId"], names) == before


@pytest.mark.parametrize(
    ("short", "check"),
    [
        ("001D000000IqhSL", "IAZ"),
        ("017bW00000HKErB", "QAX"),
        ("005R0000000UyrW", "IAS"),
        ("500000000000001", "AAA"),
    ],
)
def test_the_check_characters_are_salesforces(short, check):
    assert checksum(short) == check
    assert canonical(short) == canonical(short.lower() + check) == short + check


def test_ids_in_a_row_are_the_ids_one_by_one():
    """The quick way to spell them and the plain one agree, across every carry."""
    assert list(id_range("500", 1, 4000)) == [record_id("500", n) for n in range(1, 4001)]
    assert [number_of(record_id("500", n)) for n in (1, 61, 62, 99999)] == [1, 61, 62, 99999]
    assert list(id_range("500", 1, 4000)) == sorted(id_range("500", 1, 4000))
