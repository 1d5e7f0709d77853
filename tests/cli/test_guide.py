"""The guide: what it says is this installation's, and what it asks for is what the actions need."""

from xml.etree import ElementTree as ET

import pytest

from models import by_name
from models.access import needs
from models.action import ACTIONS
from tests.cli.conftest import Desk
from tests.cli.terminal import on_a_terminal

_NS = {"m": "http://soap.sforce.com/2006/04/metadata"}


def test_the_guide_is_for_what_was_chosen(bare: Desk) -> None:
    """Callback, login host, scopes and permissions follow the settings and the flags."""
    bare.settings = {"CALLBACK_PORT": "9123"}
    words = ["--actions", "get_case,update_case,create_case_comment", "--environment", "sandbox"]
    path = bare.folder / "permissionsets" / "scsync.permissionset-meta.xml"
    done = bare.run("guide", *words, "--permission-set", str(path), "--json")
    assert done.code == 0, done.err
    guide = done.document()
    assert guide["callback_url"] == "http://localhost:9123/callback"
    assert guide["scopes"] == ["api", "refresh_token"]
    said = " ".join(detail for step in guide["steps"] for detail in step["details"])
    for words_of_it in (guide["callback_url"], "PKCE", "Require secret", "10 to 20 minutes"):
        assert words_of_it in said
    assert "SCSYNC_ENVIRONMENT=sandbox" in said
    assert "SCSYNC_ACTIONS=create_case_comment" not in said

    root = ET.parse(path).getroot()  # noqa: S314 - our own
    rights = {
        one.findtext("m:object", None, _NS): [
            one.findtext(f"m:allow{verb}", None, _NS) for verb in ("Create", "Read", "Edit")
        ]
        for one in root.findall("m:objectPermissions", _NS)
    }
    # A comment has no permissions of its own: it goes by its case's.
    assert rights["Case"] == ["false", "true", "true"]
    assert rights["Account"] == ["false", "true", "false"]
    assert set(rights) == {"Account", "Contact", "Case"}
    fields = {
        one.findtext("m:field", None, _NS): one.findtext("m:editable", None, _NS)
        for one in root.findall("m:fieldPermissions", _NS)
    }
    assert (fields["Case.Subject"], fields["Case.ClosedDate"]) == ("true", "false")
    # A permission set that names a field without permissions is refused as a whole.
    assert not fields.keys() & {"Case.Status", "Case.Id", "Case.CaseNumber", "Case.CreatedDate"}


def test_unattended_asks_for_no_refresh_token(bare: Desk) -> None:
    """A key or the app's user instead of a person; without flags, the enabled actions count."""
    bare.settings = {"ACTIONS": "list_*", "LOGIN_URL": "https://acme.my.salesforce.com"}
    guide = bare.run("guide", "--unattended", "--json").document()
    assert guide["scopes"] == ["api"]
    assert (guide["environment"], len(guide["actions"])) == ("my-domain", 6)
    assert not any(need["create"] or need["edit"] or need["delete"] for need in guide["needs"])
    shown = bare.run("guide", "--unattended")
    assert shown.code == 0
    for words in ("JWT Bearer", "Client Credentials", "acme.my.salesforce.com", "<PermissionSet"):
        assert words in shown.out


@pytest.mark.parametrize(
    ("environment", "host"),
    [
        ("production", "https://MYDOMAIN.my.salesforce.com"),
        ("sandbox", "https://MYDOMAIN--SANDBOX.sandbox.my.salesforce.com"),
        ("my-domain", "https://MYDOMAIN.my.salesforce.com"),
    ],
)
def test_client_credentials_are_told_the_host_that_grants_them(
    bare: Desk, environment: str, host: str
) -> None:
    """The common login hosts refuse them, so that the way would end there; a person needs none."""
    words = ["guide", "--environment", environment, "--actions", "get_case"]
    assert f"SCSYNC_LOGIN_URL={host}\n" in bare.run(*words, "--unattended").out
    is_told = "SCSYNC_LOGIN_URL" in bare.run(*words, "--interactive").out
    assert is_told == (environment == "my-domain")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--actions", "get_cases"], "did you mean get_case"),
        (["--actions", " , "], "names none"),
        (["--permission-set", "/dev/null/set.xml"], "/dev/null/set.xml"),
    ],
)
def test_wrong_words_are_named(bare: Desk, words: list[str], said: str) -> None:
    """Exit 2, with the remedy."""
    done = bare.run("guide", *words)
    assert (done.code, said in done.said) == (2, True)


def test_every_field_of_the_guide_is_one_of_the_models() -> None:
    """No name is of an earlier thought; each field of a model stands in one place at most."""
    for need in needs(ACTIONS.values()):
        names = [*need.editable, *need.readable, *need.elsewhere]
        assert len(names) == len(set(names))
        known = {field.api_name for field in by_name(need.sobject).fields()}
        compounds = {"Address", "BillingAddress", "ShippingAddress"}
        assert set(names) <= known | compounds


def test_an_answer_that_is_none_is_told_in_plain_words(bare: Desk) -> None:
    """And asked for again."""
    code, shown = on_a_terminal(bare, "guide", answer="get_case\nfoo\nsandbox\nn\n")
    assert code == 0
    assert "Error: 'foo' is not one of production, sandbox, my-domain" in shown
    assert "SCSYNC_ENVIRONMENT=sandbox" in shown
