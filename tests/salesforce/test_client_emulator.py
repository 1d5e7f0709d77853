"""The client against the emulated org: the same verbs, answered by somebody else's reading."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from emulator.server import Emulator
from salesforce import soql
from salesforce.client import Client
from salesforce.errors import (
    Drifted,
    GrantDead,
    LimitExceeded,
    MalformedQuery,
    Misconfigured,
    NotFound,
    Outdated,
    Rejected,
    RowLocked,
    Unavailable,
    Unclear,
)
from salesforce.grants import ClientCredentials
from salesforce.oauth import AppCredentials
from salesforce.values import ExternalId, Page
from salesforce.vault import blank
from tests.salesforce.vaults import MemoryVault

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class Case(msgspec.Struct, rename="pascal"):
    id: str
    system_modstamp: datetime
    subject: str | None = None


FIELDS = ("Id", "SystemModstamp", "Subject")


@pytest.fixture(scope="module")
def running():
    with Emulator(cases=600) as emulator:
        yield emulator


@pytest.fixture
def emulator(running):
    yield running
    running.clear_faults()


@pytest.fixture
def app(emulator):
    return AppCredentials(emulator.client_id, emulator.client_secret, emulator.url)


@pytest.fixture
def vault(emulator):
    return MemoryVault(blank(emulator.refresh_token))


@pytest.fixture
def client(vault, app):
    with Client(vault=vault, app=app) as client:
        yield client


def test_a_version_that_the_org_does_not_speak_is_a_setting_to_mend(vault, app):
    """It is answered as a missing record is, and no command is to end for that."""
    with Client(vault=vault, app=app, api_version="99.0") as client:
        for ask in (
            lambda: client.create("Case", {"Subject": "x"}),
            lambda: client.query_page("SELECT Id FROM Case LIMIT 1"),
            lambda: client.describe("Case"),
        ):
            with pytest.raises(Misconfigured, match=r"SCSYNC_API_VERSION .* 67\.0"):
                ask()


def test_a_record_that_is_missing_is_no_matter_of_versions(emulator, client):
    """That the org speaks this one is asked once, and not at all after a good answer."""
    before = emulator.requests()["counts"].get("versions", 0)
    for _ in range(2):
        with pytest.raises(NotFound):
            client.delete("Case", "500000000000001AAA")
    assert emulator.requests()["counts"]["versions"] == before + 1


def test_the_first_request_fetches_the_first_token(client, vault):
    """A refresh token alone is enough to begin."""
    assert "67.0" in [version.version for version in client.versions()]
    assert (vault.token.version, len(vault.token.org_id)) == (1, 18)


def test_keyset_pages_and_cursor_pages_find_the_same_rows(client):
    """Two ways through one object, tie by tie."""
    text = soql.select(FIELDS, "Case", order_by=("SystemModstamp", "Id"))
    by_cursor = [
        case for page in client.query(text, record=Case, batch_size=200) for case in page.records
    ]
    until, after, by_key = datetime.now(UTC) + timedelta(days=1), None, []
    while True:
        where = soql.keyset(EPOCH, until, after)
        text = soql.select(FIELDS, "Case", where=where, order_by=("SystemModstamp", "Id"), limit=70)
        rows = client.query_page(text, record=Case).records
        by_key += rows
        if not rows:
            break
        after = (rows[-1].system_modstamp, rows[-1].id)
    assert by_key == by_cursor
    assert len(by_key) > 500


def test_five_queries_travel_in_one_call(client):
    """Each with its page or its own error."""
    texts = [
        soql.select(["Id"], name, limit=3) for name in ("Case", "Account", "Contact", "Nope__c")
    ]
    answers = client.composite_queries(texts, records=[dict] * 4)
    assert [len(page.records) for page in answers if isinstance(page, Page)] == [3, 3, 3]
    assert isinstance(answers[3], Drifted)


def test_a_record_lives_and_dies(client):
    """Create, read, change, delete, and the trace it leaves."""
    record = client.create("Case", {"Subject": "O'Brien \\ ü", "Status": "New", "Origin": "Web"})
    assert client.retrieve("Case", record, ["Subject"])["Subject"] == "O'Brien \\ ü"
    client.update("Case", record, {"Subject": None})
    (found,) = client.query_page(
        soql.select(FIELDS, "Case", where=soql.eq("Id", record)), record=Case
    ).records
    assert found.subject is None
    client.delete("Case", record)
    with pytest.raises(NotFound):
        client.delete("Case", record)
    text = soql.select(["Id", "IsDeleted"], "Case", where=soql.eq("Id", record))
    assert client.query_page(text).records == []
    assert client.query_page(text, include_deleted=True).records[0]["IsDeleted"] is True


def test_an_upsert_creates_once(client):
    """The key makes a repeat harmless."""
    key = ExternalId("Sync_Key__c", "client/1 ä")
    first = client.upsert("Case", key, {"Subject": "x", "Status": "New", "Origin": "Web"})
    second = client.upsert("Case", key, {"Subject": "y"})
    assert (first.created, second.created, first.id == second.id) == (True, False, True)


def test_collections_settle_each_row_alone(client):
    """Good rows stay, bad rows say why, in the order of the request."""
    rows = [{"Subject": f"row {n}", "Status": "New", "Origin": "Web"} for n in range(3)]
    rows[1]["Subject"] = "x" * 300
    one, two, three = client.create_many("Case", rows)
    assert [one.success, two.success, three.success] == [True, False, True]
    assert isinstance(two.error, Rejected)
    assert two.error.code == "STRING_TOO_LONG"
    changed = client.update_many(
        "Case", [(one.id, {"Priority": "High"}), (three.id, {"Priority": "Low"})]
    )
    read = client.retrieve_many("Case", [three.id, one.id], ["Id", "Priority"], dict).records
    assert [row["Priority"] for row in read] == ["Low", "High"]
    gone = client.delete_many([one.id, three.id])
    assert all(row.success for row in changed + gone)


def test_upserted_rows_say_which_of_them_are_new(client):
    """A create that is repeated has become an update."""
    rows = [(f"many-{n}", {"Subject": "x", "Status": "New", "Origin": "Web"}) for n in range(2)]
    first = client.upsert_many("Case", "Sync_Key__c", rows[:1])
    both = client.upsert_many("Case", "Sync_Key__c", rows)
    assert [row.created for row in first + both] == [True, False, True]


def test_a_stale_update_is_refused(client):
    """Somebody changed the record after we read it."""
    record = client.create("Case", {"Subject": "x", "Status": "New", "Origin": "Web"})
    with pytest.raises(Outdated):
        client.update("Case", record, {"Subject": "y"}, unmodified_since=EPOCH)


def test_describe_is_free_when_nothing_changed(client):
    """And knows what our commands are checked against."""
    case = client.describe("Case")
    assert case.field("CaseNumber").auto_number
    assert case.field("Sync_Key__c").external_id
    assert case.field("Status").picklist_values
    assert client.describe("Case", modified_since=case.as_of) is None
    assert "Case" in [each.name for each in client.describe_global().sobjects]


def test_the_delta_feeds_answer(client):
    """What was deleted just now stands in the log."""
    record = client.create("Case", {"Subject": "x", "Status": "New", "Origin": "Web"})
    client.delete("Case", record)
    start, end = (
        client.server_time() - timedelta(hours=1),
        client.server_time() + timedelta(minutes=2),
    )
    assert record in [each.id for each in client.deleted("Case", start, end).deleted_records]
    assert client.updated("Case", start, end).latest_date_covered


def test_limits_are_counted_on_every_answer(vault, app):
    """The header and the resource agree on the allocation."""
    told = []
    with Client(
        vault=vault, app=app, on_call=lambda kind, usage: told.append((usage, kind))
    ) as client:
        limits = client.limits()
        client.query_page("SELECT Id FROM Case LIMIT 1")
    assert [kind for _, kind in told] == ["limits", "query"]
    assert told[0][0].limit == limits["DailyApiRequests"].max
    assert told[1][0].used == told[0][0].used + 1


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("SELECT Id FROM", MalformedQuery),
        ("SELECT Nope FROM Case", Drifted),
        ("SELECT Id FROM Nope", Drifted),
    ],
)
def test_wrong_queries_are_told_apart(client, text, kind):
    """A wrong text is our bug, a missing field is the org's change."""
    with pytest.raises(kind):
        client.query_page(text)


def test_a_lost_reply_after_the_write_is_unclear_and_the_write_is_there(emulator, client):
    """That is why it must never be called failed."""
    client.versions()
    emulator.fault(match={"method": "POST", "path": "/sobjects/Case"}, do={"drop": "after"}, nth=1)
    with pytest.raises(Unclear) as caught:
        client.create("Case", {"Subject": "lost and found", "Status": "New", "Origin": "Web"})
    assert caught.value.outcome_unknown
    text = soql.select(["Id"], "Case", where=soql.eq("Subject", "lost and found"))
    assert client.query_page(text).total_size == 1


@pytest.mark.parametrize(
    ("do", "kind"),
    [
        ({"status": 503, "html": True}, Unavailable),
        ({"drop": "before"}, Unavailable),
        ({"cut": 40}, Unavailable),
        (
            {
                "status": 403,
                "code": "REQUEST_LIMIT_EXCEEDED",
                "message": "TotalRequests Limit exceeded.",
            },
            LimitExceeded,
        ),
        ({"status": 400, "code": "UNABLE_TO_LOCK_ROW", "message": "locked"}, RowLocked),
    ],
)
def test_mishaps_of_the_org_are_transient(emulator, client, do, kind):
    """Each is over when it is over."""
    client.versions()
    emulator.fault(match={"path": "/query"}, do=do, nth=1)
    with pytest.raises(kind):
        client.query_page("SELECT Id FROM Case LIMIT 1")
    assert client.query_page("SELECT Id FROM Case LIMIT 1").records


def test_rotation_survives_thirty_expired_sessions():
    """The emulated org kills the grant when a spent refresh token comes back."""
    with Emulator(cases=200, rotation=True) as emulator:
        app = AppCredentials(emulator.client_id, emulator.client_secret, emulator.url)
        vault = MemoryVault(blank(emulator.refresh_token))
        with Client(vault=vault, app=app) as client, ThreadPoolExecutor(30) as pool:
            for _ in range(3):
                emulator.expire_sessions()
                assert len(list(pool.map(lambda _: client.limits(), range(30)))) == 30
    assert vault.token.version == 3
    assert len({token.refresh_token for token in vault.stored}) == 3


def test_a_revoked_grant_is_dead():
    """And says so with a remedy."""
    with Emulator(cases=200) as emulator:
        app = AppCredentials(emulator.client_id, emulator.client_secret, emulator.url)
        vault = MemoryVault(blank(emulator.refresh_token))
        with Client(vault=vault, app=app) as client:
            client.limits()
            emulator.revoke_grants()
            with pytest.raises(GrantDead, match="scsync link"):
                client.limits()
    assert vault.buried


def test_client_credentials_work_without_a_refresh_token(app):
    """The robust choice for a daemon."""
    with Client(vault=MemoryVault(blank()), app=app, grant=ClientCredentials(app)) as client:
        assert client.limits()
