"""The control endpoints for what stands between a write and the org: jobs, rules and locks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.exchange import json_answer
from emulator.routes import Route

if TYPE_CHECKING:
    from emulator.exchange import Answer, Request
    from emulator.instance import Instance


class WriteControl:
    """How the org takes writes from outside."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance

    def routes(self) -> list[Route]:
        return [
            Route("GET", "emulator/ingest", "ingest", self.ingest),
            Route("POST", "emulator/ingest", "ingest", self.set_ingest),
            Route("GET", "emulator/ui", "ui", self.ui),
            Route("POST", "emulator/ui", "ui", self.set_ui),
            Route("GET", "emulator/locks", "locks", self.locks),
            Route("POST", "emulator/locks", "locks", self.set_locks),
            Route("GET", "emulator/assignment", "assignment", self.assignment),
            Route("POST", "emulator/assignment", "assignment", self.set_assignment),
            Route("GET", "emulator/duplicates", "duplicates", self.duplicates),
            Route("POST", "emulator/duplicates", "duplicates", self.add_duplicates),
            Route("DELETE", "emulator/duplicates", "duplicates", self.clear_duplicates),
        ]

    def ingest(self, _request: Request) -> Answer:
        return json_answer(self.instance.ingest.manners)

    def set_ingest(self, request: Request) -> Answer:
        self.instance.ingest.behave(request.fields())
        return self.ingest(request)

    def ui(self, _request: Request) -> Answer:
        return json_answer(self.instance.replays.manners)

    def set_ui(self, request: Request) -> Answer:
        self.instance.replays.behave(request.fields())
        return self.ui(request)

    def locks(self, _request: Request) -> Answer:
        return json_answer(self.instance.org.locks.manners)

    def set_locks(self, request: Request) -> Answer:
        self.instance.org.locks.behave(request.fields())
        return self.locks(request)

    def assignment(self, _request: Request) -> Answer:
        return json_answer(self.instance.org.assignment.document())

    def set_assignment(self, request: Request) -> Answer:
        self.instance.org.assignment.behave(request.fields())
        return self.assignment(request)

    def duplicates(self, _request: Request) -> Answer:
        return json_answer(list(self.instance.org.duplicates.rules.values()))

    def add_duplicates(self, request: Request) -> Answer:
        self.instance.org.duplicates.add(request.fields())
        return self.duplicates(request)

    def clear_duplicates(self, request: Request) -> Answer:
        self.instance.org.duplicates.rules.clear()
        return self.duplicates(request)
