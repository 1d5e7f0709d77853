"""An action that was disabled after a command was accepted: nothing is sent, the command says so."""

from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from config.settings import load
from pipelines import refusals
from pipelines.actions import ActionDisabled
from store.engine import Store
from store.errors import StoreError
from tests.pipelines.push.ground import Place, create, update
from worker.app import App

_NAMED = {"database_url", "login_url", "client_id", "client_secret", "refresh_token", "secret_key"}


def _lines(place: Place) -> list[str]:
    """Write a place's settings out as a TOML, secrets and all."""
    found = place.app.settings.model_dump(include=_NAMED).items()
    plain = {k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in found}
    return [f'{name} = "{value}"' for name, value in plain.items()]


def test_what_is_disabled_after_it_was_accepted_is_not_sent(small: Place, tmp_path: Path) -> None:
    """The running program reads its changed file before it sends; others go their way."""
    toml = tmp_path / "scsync.toml"
    toml.touch(mode=0o600)
    lines = _lines(small)
    toml.write_text("\n".join(lines))
    small.app = App(load(toml), clock=small.clock)
    case = small.case(Priority="Low")
    changed, made = small.submit(update(case, Priority="High"), create(Subject="Still allowed"))
    toml.write_text("\n".join([*lines, 'actions = ["create_*", "list_*"]']))
    small.drain()
    entry = small.entry(changed)
    assert (entry.state, entry.error_code) == ("rejected", "ACTION_DISABLED")
    assert "update_case is not enabled" in (entry.error_message or "")
    assert small.state(made) == "applied"
    assert [one["op"] for one in small.writes("Case")] == ["create"]
    small.app.close()


def test_a_refusal_stands_although_the_store_cannot_take_it_down(small: Place) -> None:
    """The log says both; whoever asked hears why the action was refused, not what ails the store."""

    def broken() -> Store:
        raise StoreError("the disk is full")

    with (
        capture_logs() as said,
        pytest.raises(ActionDisabled, match="update_case is not enabled"),
        refusals.noted("ada", store=broken, clock=small.clock),
    ):
        raise ActionDisabled("update_case")
    assert [(one["event"], one["operator"]) for one in said] == [
        ("action.refused", "ada"),
        ("audit.not_written", "ada"),
    ]
