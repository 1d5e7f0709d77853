"""The tools there are at this moment: the enabled actions, and what an agent needs beside them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import mcp_types as types
import structlog

from agents import wording
from agents.checks import Checks
from agents.describing import DESCRIBE_OUTPUT, describe_input
from agents.fields import DESCRIBE_TOOL, Schema
from agents.forms import (
    COMMAND_INPUT,
    COMMAND_OUTPUT,
    RECORD_OUTPUT,
    RECORDS_OUTPUT,
    input_schema,
)
from agents.reports import REPORT_OUTPUT, REPORT_TOOL, Reports
from models.action import ACTIONS, Action, Verb
from models.api_key import Scope
from pipelines.actions import ActionRefused
from salesforce.describe import Describe
from salesforce.errors import SalesforceError
from worker.app import App

COMMAND_TOOL = "get_command"
_ANY_AGE = timedelta.max

log = structlog.get_logger()


@dataclass(frozen=True)
class Tool:
    """One tool; what it is about where that is an action."""

    name: str
    description: str
    input: Schema
    output: Schema
    action: Action | None = None

    @cached_property
    def checks(self) -> Checks:
        return Checks(self.input)

    @property
    def scope(self) -> Scope:
        """What a caller must be allowed to do."""
        return Scope.SUBMIT if self.action and self.action.verb.writes else Scope.READ

    def listed(self) -> types.Tool:
        return types.Tool(
            name=self.name,
            title=self.name.replace("_", " ").capitalize(),
            description=self.description,
            input_schema=self.input,
            output_schema=self.output,
            annotations=_annotations(self.action.verb if self.action else Verb.GET),
        )


class Toolbox:
    """The tools of one account; an action's form is made anew when its describe is."""

    def __init__(self, parts: App, reports: Reports) -> None:
        self._parts = parts
        self._reports = reports
        self._made: dict[str, tuple[Describe | None, Tool]] = {}

    def every(self) -> list[Tool]:
        """List what is enabled, without the actions on objects that the org does not have."""
        found: dict[str, Describe | None] = {}
        missing = set()
        for sobject in dict.fromkeys(one.sobject for one in self.enabled()):
            try:
                found[sobject] = self._describe(sobject)
            except ActionRefused:
                missing.add(sobject)
        actions = [one for one in self.enabled() if one.sobject not in missing]
        tools = [self._tool(one, found.get(one.sobject)) for one in actions]
        return [*tools, *self._others()]

    def find(self, name: str, operator: str) -> Tool:
        """Find a tool by its name; raises `ActionRefused` for what is unknown or not enabled."""
        for tool in self._others():
            if tool.name == name:
                return tool
        action = self._parts.offered(name, operator)
        writes_fields = action.verb in {Verb.CREATE, Verb.UPDATE}
        return self._tool(action, self._describe(action.sobject) if writes_fields else None)

    def enabled(self) -> list[Action]:
        """List the actions that may be done at this moment."""
        return [one for one in ACTIONS.values() if self._parts.allows(one.name)]

    def _others(self) -> Iterator[Tool]:
        enabled = self.enabled()
        if any(one.verb.writes for one in enabled):
            yield Tool(COMMAND_TOOL, wording.COMMAND, COMMAND_INPUT, COMMAND_OUTPUT)
        if objects := sorted({one.sobject for one in enabled}):
            described = describe_input(objects)
            yield Tool(DESCRIBE_TOOL, wording.DESCRIBE, described, DESCRIBE_OUTPUT)
        if self._reports.offered():
            yield Tool(REPORT_TOOL, wording.REPORT, self._reports.input(), REPORT_OUTPUT)

    def _describe(self, sobject: str) -> Describe | None:
        """Describe an object, by the last describe if the org cannot be asked; None: there is none.

        Raises `ActionRefused` for an object that the org does not have.
        """
        describes = self._parts.describes
        try:
            found = describes.get(sobject)
        except SalesforceError as error:
            log.warning("describe.not_fresh", object=sobject, error=str(error))
            try:
                found = describes.get(sobject, max_age=_ANY_AGE)
            except SalesforceError:
                return None
        if found is None:
            raise ActionRefused(f"this org has no {sobject}, or hides it from this user")
        return found

    def _tool(self, action: Action, describe: Describe | None) -> Tool:
        known = self._made.get(action.name)
        if known and (known[0] is describe or describe is None):
            return known[1]
        tool = Tool(
            action.name,
            wording.of(action),
            input_schema(action, describe),
            _output(action.verb),
            action,
        )
        self._made[action.name] = (describe, tool)
        return tool


def _output(verb: Verb) -> Schema:
    if verb.writes:
        return COMMAND_OUTPUT
    return RECORD_OUTPUT if verb is Verb.GET else RECORDS_OUTPUT


def _annotations(verb: Verb) -> types.ToolAnnotations:
    if not verb.writes:
        return types.ToolAnnotations(read_only_hint=True, open_world_hint=False)
    return types.ToolAnnotations(
        read_only_hint=False,
        destructive_hint=verb is not Verb.CREATE,
        idempotent_hint=verb in {Verb.UPDATE, Verb.DELETE},
        open_world_hint=False,
    )
