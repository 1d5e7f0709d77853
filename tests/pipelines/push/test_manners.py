"""How a write is received: assignment and duplicate rules, locks of siblings, surprises."""

from typing import Any

import pytest

from tests.pipelines.push.ground import Place, create, update


@pytest.fixture
def queue(small: Place) -> Any:
    """An active assignment rule that gives cases to somebody; its id and the owner."""
    (user,) = small.org.run(
        lambda org: org.query_rows(
            "SELECT Id FROM User WHERE IsActive = true ORDER BY Id DESC LIMIT 1"
        )
    )
    rule = small.org.control("POST", "assignment", {"active": True, "owner": user["Id"]})
    yield rule["rule_id"], user["Id"]
    small.org.control("POST", "assignment", {"active": False})


def owner(place: Place, command: str) -> str:
    row = place.row("Case", place.entry(command).result_id or "") or {}
    return str(row["owner_id"])


def test_assignment_rules_run_when_asked(queue: tuple[str, str], small: Place) -> None:
    """By default none runs; a command may ask for the active one, or for one by its id."""
    rule, assignee = queue
    plain, asked, named = small.submit(
        create(Subject="plain"),
        {**create(Subject="asked"), "auto_assign": True},
        {**create(Subject="named"), "auto_assign": rule},
    )
    small.drain()
    assert owner(small, plain) != assignee
    assert [owner(small, one) for one in (asked, named)] == [assignee, assignee]


def test_a_duplicate_is_saved_when_allowed(small: Place) -> None:
    """A duplicate rule refuses with its own message; a command may say that it knows."""
    rule = {"sobject": "Contact", "fields": ["Email"], "allow_save": True}
    small.org.control("POST", "duplicates", rule)
    fields = {"LastName": "Doe", "Email": f"jane{small.start}@example.com"}
    form = {"op": "create", "sobject": "Contact", "fields": fields}
    first, second, third = small.submit(form, form, {**form, "allow_duplicates": True})
    small.drain()
    small.org.control("DELETE", "duplicates")
    assert small.entry(second).error_code == "DUPLICATES_DETECTED"
    assert [small.state(one) for one in (first, third)] == ["applied", "applied"]


@pytest.fixture
def by_ui(small: Place) -> Any:
    """A place whose cases and contacts are created by the UI API, for want of a key field."""
    for sobject in ("Case", "Contact"):
        small.org.control("POST", "fields", {"sobject": sobject, "hide": "Sync_Key__c"})
    yield small
    for sobject in ("Case", "Contact"):
        small.org.control("POST", "fields", {"sobject": sobject, "show": "Sync_Key__c"})


def test_the_ui_api_is_told_in_its_own_words(queue: tuple[str, str], by_ui: Place) -> None:
    """It heeds no header of REST's; a rule that is named it cannot run, so REST creates that."""
    rule, assignee = queue
    plain, asked, named = by_ui.submit(
        create(Subject="plain"),
        {**create(Subject="asked"), "auto_assign": True},
        {**create(Subject="named"), "auto_assign": rule},
    )
    by_ui.drain()
    assert owner(by_ui, plain) != assignee
    assert [owner(by_ui, one) for one in (asked, named)] == [assignee, assignee]
    roads = {entry["id"]: entry["transport"] for entry in by_ui.writes("Case")}
    ids = [by_ui.entry(one).result_id or "" for one in (plain, asked, named)]
    assert [roads[one] for one in ids] == ["ui", "ui", "single"]


def test_a_duplicate_is_saved_by_the_ui_api_when_allowed(by_ui: Place) -> None:
    """The command says that it knows; the UI API hears it in the body."""
    rule = {"sobject": "Contact", "fields": ["Email"], "allow_save": True}
    by_ui.org.control("POST", "duplicates", rule)
    fields = {"LastName": "Doe", "Email": f"john{by_ui.start}@example.com"}
    form = {"op": "create", "sobject": "Contact", "fields": fields}
    first, second, third = by_ui.submit(form, form, {**form, "allow_duplicates": True})
    by_ui.drain()
    by_ui.org.control("DELETE", "duplicates")
    assert by_ui.entry(second).state == "rejected"
    assert [by_ui.state(one) for one in (first, third)] == ["applied", "applied"]


def test_locked_siblings_are_served_one_after_another(small: Place) -> None:
    """Comments on one case that met each other's locks are sent alone, none beside another."""
    case = small.case()
    body = {"match": {"method": "PATCH", "path": "/composite/sobjects"}, "do": {"lock": [1, 2, 3]}}
    small.org.fault(**body)
    comments = [
        {
            "op": "create",
            "sobject": "CaseComment",
            "fields": {"ParentId": case, "CommentBody": f"{n}"},
        }
        for n in range(5)
    ]
    ids = small.submit(*comments)
    small.drain()
    assert sorted(small.state(one) for one in ids) == ["applied"] * 2 + ["pending"] * 3
    small.clock.advance(minutes=5)
    taken = small.seize(limit=200)
    assert len(taken) == 3  # nothing of this case was under way when they were looked at
    small.clock.advance(minutes=5)
    small.drain_patiently(lambda: small.counts() == {"applied": 5})
    assert len(small.writes("CaseComment")) == 5


def test_what_stands_otherwise_than_asked_is_noted(queue: tuple[str, str], small: Place) -> None:
    """An owner that a rule replaced is shown beside the one that was asked for."""
    _, assignee = queue
    assert small.app.client.versions()  # linked
    with small.app.store.read() as tx:
        user = tx.exec_driver_sql("SELECT user_id FROM scsync_accounts").scalar_one()
    form = {**create(Subject="x", OwnerId=user), "auto_assign": True}
    (command,) = small.submit(form)
    small.drain()
    assert small.entry(command).stands == {"OwnerId": assignee}


def test_our_own_change_is_no_news_to_the_next_pull(small: Place) -> None:
    """What was read back after the write is not written again when the pull meets it."""
    small.app.cycle().run(small.app.chosen(["Case"]))
    small.submit(update(small.case(), Priority="High"))
    small.drain()
    (pulled,) = small.app.cycle().run(small.app.chosen(["Case"]))
    assert (pulled.rows_read > 0, pulled.rows_written) == (True, 0)
