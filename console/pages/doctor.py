"""The doctor's findings: run on request, in a thread of its own, and shown as they come."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from console.access.route import route
from console.pages.frame import back, noted, show
from models.api_key import Scope
from pipelines.verdicts import Finding, Verdict
from worker import doctor
from worker.app import App

log = structlog.get_logger()


@dataclass
class Round:
    """The last examination of this process; one runs at a time."""

    parts: App
    found: list[Finding] = field(default_factory=list)
    begun: datetime | None = None
    is_under_way: bool = False
    trouble: str = ""
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, note: Callable[[Connection], None]) -> bool:
        """Begin anew, once it is noted who asked; False while one is under way."""
        with self._turn:
            if self.is_under_way:
                return False
            with self.parts.store.begin() as tx:
                note(tx)
            self.is_under_way, self.begun = True, self.parts.clock()
            self.found, self.trouble = [], ""
        threading.Thread(target=self._run, name="doctor", daemon=True).start()
        return True

    def _run(self) -> None:
        try:
            for finding in doctor.findings(self.parts):
                self.found.append(finding)
        except Exception as error:
            # Whoever waits for it sees that it broke off, the log says where.
            log.error("doctor.failed", exc_info=error)
            self.trouble = f"it broke off at {type(error).__name__}; the log says more"
        finally:
            self.is_under_way = False


def routes(parts: App) -> list[BaseRoute]:
    """Answer at /accounts/doctor."""
    last = Round(parts)

    def findings(request: Request) -> Response:
        verdicts = [one.verdict for one in last.found]
        return show(
            request,
            parts,
            "doctor.html",
            round=last,
            failures=verdicts.count(Verdict.FAILURE),
            warnings=verdicts.count(Verdict.WARNING),
        )

    def examine(request: Request) -> Response:
        last.begin(noted(request, parts, "account.examine", parts.name))
        return back("/accounts/doctor", "examined")

    return [
        route("/accounts/doctor", findings, scope=Scope.READ),
        route("/accounts/doctor/run", examine, scope=Scope.OPERATE, methods=("POST",)),
    ]
