"""Whoever plays the org: acts, the journal, the log, and the program itself."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import httpx
import msgspec
import pytest
from simple_salesforce import format_soql

from emulator.cli import main
from emulator.server import ControlError, Emulator
from emulator.serving import ServingError
from tests.emulator.callers import open_client, refresh


def test_the_journal_lists_applied_writes_in_order(org, api):
    """From a sequence number on."""
    first = api.post("sobjects/Account", json={"Name": "A"}).json()["id"]
    seq = org.journal()[-1]["seq"]
    second = api.post("sobjects/Account", json={"Name": "B"}).json()["id"]
    assert [entry["id"] for entry in org.journal(since=seq)] == [second]
    assert first in {entry["id"] for entry in org.journal()}


def test_the_request_log_counts_by_kind(org, api):
    """The control endpoints themselves are not in it."""
    for _ in range(3):
        api.get("limits")
    log = org.requests()
    assert log["counts"] == {"oauth.token": 1, "limits": 3}
    assert log["recent"][-1]["path"] == "/services/data/v67.0/limits"
    assert log["recent"][-1]["status"] == 200


def test_a_held_write_is_seen_late_with_the_stamp_of_then(org, api):
    """The late commit of a slow transaction."""
    row = api.post("sobjects/Account", json={"Name": "before"}).json()["id"]
    then = [{"act": "update", "sobject": "Account", "id": row, "fields": {"Name": "after"}}]
    org.act("hold", seconds=60, then=then)
    assert api.get(f"sobjects/Account/{row}").json()["Name"] == "before"
    org.skew(61)
    assert api.get(f"sobjects/Account/{row}").json()["Name"] == "after"


def test_a_burst_gives_many_rows_one_stamp(org, api):
    """Ties, as mass updates make them."""
    ids = org.act("burst", sobject="Case", n=50)
    soql = format_soql("SELECT COUNT_DISTINCT(SystemModstamp) n FROM Case WHERE Id IN {}", ids)
    assert api.get("query", params={"q": soql}).json()["records"][0]["n"] == 1
    assert len(ids) == 50


def test_a_deleted_row_comes_back_or_goes_for_good(org, api):
    """Delete, undelete, delete, purge."""
    row = api.post("sobjects/Account", json={"Name": "A"}).json()["id"]
    query = {"q": format_soql("SELECT IsDeleted FROM Account WHERE Id = {}", row)}

    def seen():
        return [
            record["IsDeleted"] for record in api.get("queryAll", params=query).json()["records"]
        ]

    org.act("delete", sobject="Account", id=row)
    assert seen() == [True]
    org.act("undelete", ids=[row])
    assert seen() == [False]
    org.act("delete", sobject="Account", id=row)
    org.act("purge", ids=[row])
    assert seen() == []


def test_ticks_do_believable_work(org):
    """Something was written."""
    before = len(org.journal())
    org.act("tick", n=20, seed=3)
    assert len(org.journal()) > before


def test_an_unknown_act_or_address_is_refused(org):
    """Loudly."""
    with pytest.raises(ControlError, match="act must be one of"):
        org.act("dance")
    assert httpx.get(f"{org.url}/emulator/nowhere").status_code == 404


def test_articles_are_published_archived_and_reopened(api):
    """The life of an article, by both of its interfaces."""
    draft = api.post("sobjects/Knowledge__kav", json={"Title": "T", "UrlName": "t-1"}).json()["id"]
    versions = "knowledgeManagement/articleVersions/masterVersions"
    article = api.get(f"sobjects/Knowledge__kav/{draft}").json()["KnowledgeArticleId"]
    assert api.patch(f"{versions}/{draft}", json={"publishStatus": "Online"}).status_code == 204
    reopened = api.post(versions, json={"articleId": article})
    assert reopened.status_code == 201
    inputs = {"articleVersionIdList": [reopened.json()["id"]], "pubAction": "PUBLISH_ARTICLE"}
    action = api.post("actions/standard/publishKnowledgeArticles", json={"inputs": [inputs]}).json()
    key = reopened.json()["id"][:15]
    assert (action[0]["isSuccess"], action[0]["outputValues"]) == (True, {key: "Success"})
    again = api.post("actions/standard/publishKnowledgeArticles", json={"inputs": [inputs]})
    assert (again.status_code, again.json()[0]["isSuccess"]) == (400, False)


def test_the_same_seed_makes_the_same_org():
    """Whatever is repeated meets the same desk."""
    soql = "SELECT Id, Subject FROM Case ORDER BY Id LIMIT 20"
    found = []
    for _ in range(2):
        with Emulator(cases=200, seed=5) as org:
            found.append([row["Subject"] for row in org.run(lambda inner: inner.query_rows(soql))])
    assert found[0] == found[1]


def test_a_file_keeps_the_org_from_one_start_to_the_next(tmp_path):
    """Same org, same rows, and what was written since."""
    file = str(tmp_path / "org.db")
    with Emulator(cases=200, path=file) as org, open_client(org) as api:
        org_id = org.org.id
        row = api.post("sobjects/Account", json={"Name": "Kept"}).json()["id"]
    with Emulator(cases=200, path=file) as org, open_client(org) as api:
        assert org.org.id == org_id
        assert api.get(f"sobjects/Account/{row}").json()["Name"] == "Kept"


def test_a_rotated_token_outlives_a_restart(tmp_path):
    """The app, the grant and what was spent stand in a file that only its owner reads."""
    file = str(tmp_path / "org.db")
    with Emulator(cases=200, path=file, rotation=True) as org:
        newest = refresh(org).json()["refresh_token"]
    with Emulator(cases=200, path=file, rotation=True) as again:
        assert again.client_id == org.client_id
        assert again.refresh_token == newest
        assert refresh(again, refresh_token=newest).status_code == 200
        assert refresh(again, refresh_token=org.refresh_token).json()["error"] == "invalid_grant"
    assert (tmp_path / "org.db.grants.json").stat().st_mode & 0o777 == 0o600


def test_only_loopback_is_served():
    """The control endpoints ask nobody who they are."""
    assert main(["--host", "0.0.0.0", "--cases", "200"]) == 2  # noqa: S104 - the very thing refused


def test_a_taken_port_is_one_clear_line(org, capsys):
    """Exit code 2, no traceback."""
    port = org.url.rpartition(":")[2]
    assert main(["--port", port, "--cases", "200"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("emulator: cannot listen on 127.0.0.1:")
    assert said.count("\n") == 1


def test_an_emulator_on_a_taken_port_raises_in_the_thread_that_asked(org):
    """Not in one that nobody watches."""
    with pytest.raises(ServingError), Emulator(cases=200, port=int(org.url.rpartition(":")[2])):
        pass


def test_the_program_tells_where_it_is_and_ends_when_told():
    """One JSON line, then SIGTERM, then exit code 0, though a client is still connected."""
    command = [sys.executable, "-m", "emulator", "--port", "0", "--cases", "200", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as program:
        told = msgspec.json.decode(program.stdout.readline())
        assert told["pid"] == program.pid
        with httpx.Client(base_url=told["url"]) as client:
            assert client.get("/emulator/health").json()["status"] == "ok"
            os.kill(program.pid, signal.SIGTERM)
            assert program.wait(60) == 0


def test_the_program_ends_in_silence_though_a_request_still_waits():
    """No traceback for whoever pressed Ctrl-C during a delay."""
    command = [sys.executable, "-m", "emulator", "--port", "0", "--cases", "200", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        url = msgspec.json.decode(program.stdout.readline())["url"]
        httpx.post(f"{url}/emulator/faults", json={"do": {"delay": 60}})
        with httpx.Client(base_url=url) as client, pytest.raises(httpx.ReadTimeout):
            client.get("/services/data", timeout=0.3)
        while not httpx.get(f"{url}/emulator/faults").json()[0]["hits"]:
            time.sleep(0.01)
        program.send_signal(signal.SIGINT)
        assert (program.wait(60), program.stderr.read()) == (0, b"")


def test_a_setting_an_app_does_not_have_is_refused(org):
    """Nor one of the wrong type."""
    with pytest.raises(ControlError, match="rotaton"):
        org.configure(rotaton=True)
    with pytest.raises(ControlError, match="bool"):
        org.configure(rotation="yes")


def test_a_live_desk_writes_by_itself():
    """Nobody calls, and the journal grows."""
    with Emulator(cases=200, live=True, live_seconds=0.01) as org:
        deadline = time.monotonic() + 60
        while not org.journal() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert org.journal()


def test_settings_can_be_pasted_and_given(monkeypatch):
    """Secrets come from the environment, so that no process list shows them."""
    monkeypatch.setenv("EMULATOR_REFRESH_TOKEN", "5Aep-fixed")
    command = [sys.executable, "-m", "emulator", "--port", "0", "--cases", "200"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        lines = [program.stdout.readline().strip() for _ in range(7)]
        program.terminate()
    settings = dict(line.split("=", 1) for line in lines if line.startswith("SCSYNC_"))
    assert settings["SCSYNC_REFRESH_TOKEN"] == "5Aep-fixed"
    assert settings["SCSYNC_LOGIN_URL"].startswith("http://127.0.0.1:")


def test_no_secret_shows_in_a_repr(org):
    """Logs and tracebacks print these."""
    token = refresh(org).json()["access_token"]
    instance = org._serving.instance
    session = instance.registry.session(token)
    shown = f"{org.options} {instance.app} {instance.grant} {session}"
    assert session.caller.user_id in shown
    assert not {token, org.client_secret, org.refresh_token} & set(re.split(r"['\" ]", shown))
