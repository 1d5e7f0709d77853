"""Processes that submit and push some commands and are killed at one step of the path.

Each is forked from one that has imported everything and spoken to store and org before. A request a
line: `settings`, `forms`, and the `step` to die at; null: live. The answer is the exit code.
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import httpx

from config.settings import Settings
from models.command import Command
from pipelines.delivery import Delivery
from pipelines.push import Pusher
from pipelines.readback import ReadBack
from pipelines.submit import Desk
from salesforce.calls import Call
from salesforce.session import Session
from store import claims
from worker.app import App
from worker.bells import Bells


def serve() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what is logged is not an answer
    apps: dict[str, App] = {}
    for line in sys.stdin:
        request = json.loads(line)
        settings = Settings(_env_file=None, **request["settings"])
        app = apps.setdefault(settings.database_url, App(settings))
        if request["step"] is None:
            live(app, request["forms"])
            # What is open or at work here, forked processes would share.
            app.budget.close()
            app.store.engine.dispose()
            app.client._session._http._transport.close()
            code = 0
        else:
            code = _ended(app, request)
        answers.write(f"{code}\n")
        answers.flush()


def live(app: App, forms: list[dict[str, Any]]) -> None:
    """Do what programs and workers do: submit, ring, answer."""
    app.desk.submit(map(Command.from_json, forms))
    bells = Bells(app)
    rung: list[tuple[int, str]] = []
    bells.sweep(lambda *bell: send(rung, *bell))
    for bell in rung:
        bells.answer(*bell)


def send(rung: list[tuple[int, str]], *bell: Any) -> None:
    """Be the queue."""
    rung.append(bell)


def _ended(app: App, request: dict[str, Any]) -> int:
    child = os.fork()
    if child == 0:
        code = 70
        try:
            STEPS[request["step"]]()
            live(app, request["forms"])
            code = 0
        except Exception:  # noqa: BLE001 - whatever it is, it is told
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("dead")


def before(owner: object, name: str) -> Callable[[], None]:
    def doomed(*_: Any, **__: Any) -> NoReturn:
        die()

    return lambda: setattr(owner, name, doomed)


def after(owner: object, name: str) -> Callable[[], None]:
    real = getattr(owner, name)

    def doomed(*arguments: Any, **named: Any) -> NoReturn:
        real(*arguments, **named)
        die()

    return lambda: setattr(owner, name, doomed)


def on_the_wire(event: str) -> Callable[[], None]:
    """Die at an event of the first request that writes."""
    real = Session._admitted

    def look(happened: str, _: dict[str, Any]) -> None:
        if happened == event:
            die()

    def doomed(session: Session, call: Call) -> httpx.Request:
        request = real(session, call)
        if call.writes:
            request.extensions["trace"] = look
        return request

    return lambda: setattr(Session, "_admitted", doomed)


STEPS: dict[str, Callable[[], None]] = {
    "row committed": after(Desk, "submit"),
    "doorbell lost": before(sys.modules[__name__], "send"),
    "lease taken": after(claims, "claim"),  # and not committed
    "marked sending": before(Delivery, "send"),
    "request sent": on_the_wire("http11.send_request_body.complete"),
    "reply lost": on_the_wire("http11.receive_response_headers.complete"),
    "reply read": after(Delivery, "send"),
    "about to settle": after(claims, "settle"),  # and not committed
    "settled": before(ReadBack, "add"),
    "read back": after(Pusher, "drain"),
}

if __name__ == "__main__":
    serve()
