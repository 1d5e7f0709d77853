"""Reports of unforeseen errors, as a Sentry receives them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.receiver import Receiver, receiving
from worker.reporting import Reporting

SECRET = "00D-the-token-of-a-session"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    # What has not left when a process ends is lost, by design: a busy machine takes longer.
    monkeypatch.setattr("worker.reporting._FLUSH", 60.0)
    with receiving() as found:
        yield found


def reporting(receiver: Receiver) -> Reporting:
    dsn = receiver.url.replace("http://", "http://public@") + "/1"
    return Reporting(dsn, version="1.2.3", account="acme")


def reports(receiver: Receiver) -> list[dict[str, Any]]:
    """The events that have come, each the last line of its envelope."""
    return [json.loads(one.body.splitlines()[-1]) for one in receiver.at("/api/1/envelope")]


def break_down(token: str) -> None:
    words = f"{token} is wrong"
    try:
        _ = {}[words]
    except KeyError as error:
        raise ZeroDivisionError(words) from error


def raised(token: str) -> ZeroDivisionError:
    with pytest.raises(ZeroDivisionError) as caught:
        break_down(token)
    return caught.value


def test_a_report_says_what_and_where_and_nothing_of_whom(receiver: Receiver) -> None:
    """Both errors of the chain by type and place; no message, no variable, no token."""
    with closing(reporting(receiver)) as reports_:
        reports_.report(raised(SECRET))
    (event,) = reports(receiver)
    first, last = event["exception"]["values"]
    assert (first["type"], last["type"]) == ("KeyError", "ZeroDivisionError")
    frame = last["stacktrace"]["frames"][-1]
    assert frame["function"] == "break_down"
    assert frame["context_line"].strip() == "raise ZeroDivisionError(words) from error"
    assert (event["release"], event["tags"]) == ("scsync@1.2.3", {"account": "acme"})
    (told,) = receiver.told
    assert SECRET.encode() not in told.body
    assert b'"vars"' not in told.body


def test_an_error_in_a_loop_is_one_report(receiver: Receiver) -> None:
    """A minute long; another error is reported all the same."""
    with closing(reporting(receiver)) as reports_:
        for _ in range(3):
            reports_.report(raised(SECRET))
        reports_.report(ValueError())
    kinds = [one["exception"]["values"][-1]["type"] for one in reports(receiver)]
    assert kinds == ["ZeroDivisionError", "ValueError"]


def test_what_is_not_asked_for_is_not_even_imported() -> None:
    """Without an endpoint and a DSN the program does not load what they need."""
    look = (
        "import sys, cli.main; from config.settings import Settings; from worker.app import App;"
        "App(Settings(_env_file=None)).watch;"
        "print({'worker.tracing', 'opentelemetry.exporter', 'sentry_sdk'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, check=True, text=True)
    assert done.stdout == "set()\n"
