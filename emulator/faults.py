"""A script of mishaps: rules that match requests, and what befalls those they strike."""

from __future__ import annotations

import itertools
import random
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

if TYPE_CHECKING:
    from emulator.exchange import Request


class BadRuleError(ValueError):
    """A rule that says something the script does not know."""


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which requests a rule is about; what is left out matches all."""

    method: str | None = None
    path: str | None = None
    body: str | None = None


class Do(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What befalls a request."""

    status: int | None = None
    code: str | None = None
    message: str | None = None
    html: bool = False
    headers: dict[str, str] | None = None
    applied: bool = False
    drop: Literal["before", "after"] | None = None
    cut: int | None = None
    delay: float | None = None
    expire: Literal["session"] | None = None
    revoke: Literal["grant"] | None = None
    limit: Literal["spent"] | None = None
    alter: dict[str, Any] | None = None
    shorten: Annotated[int, msgspec.Meta(ge=0)] | None = None
    lock: bool | int | list[int] | None = None


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule as it is posted."""

    do: Do
    match: Match = Match()
    nth: Annotated[int, msgspec.Meta(ge=1)] | None = None
    every: Annotated[int, msgspec.Meta(ge=1)] | None = None
    times: Annotated[int, msgspec.Meta(ge=1)] | None = None
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    seed: int = 1


@dataclass(slots=True)
class Rule:
    """Which requests, which of them in turn, and what to do; it strikes once unless told otherwise.

    `nth` is the first match to strike, `every` the distance to the next, `times` how many in all,
    `probability` replaces both with a seeded throw of dice.
    """

    do: dict[str, Any]
    method: str | None = None
    path: re.Pattern[str] | None = None
    body: re.Pattern[str] | None = None
    nth: int = 1
    every: int = 1
    times: int | None = 1
    probability: float | None = None
    seed: int = 1
    id: int = 0
    matched: int = 0
    struck: int = 0
    dice: random.Random = field(default_factory=random.Random)

    def strikes(self, request: Request) -> bool:
        """Count the request if it matches; tell whether this is one to be struck."""
        if not self._matches(request):
            return False
        self.matched += 1
        if self.times is not None and self.struck >= self.times:
            return False
        due = self._is_due()
        self.struck += due
        return due

    def _matches(self, request: Request) -> bool:
        return (
            (self.method is None or request.method == self.method)
            and (self.path is None or self.path.search(request.summary()) is not None)
            and (
                self.body is None
                or self.body.search(request.body.decode("utf-8", "replace")) is not None
            )
        )

    def _is_due(self) -> bool:
        if self.probability is not None:
            return self.dice.random() < self.probability
        return self.matched >= self.nth and (self.matched - self.nth) % self.every == 0

    def document(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "match": {
                "method": self.method,
                "path": self.path.pattern if self.path else None,
                "body": self.body.pattern if self.body else None,
            },
            "do": self.do,
            "matched": self.matched,
            "hits": self.struck,
        }


def parse_rule(posted: dict[str, Any]) -> Rule:
    """Read a rule as it is posted; an unknown word is an error, not a rule that never fires."""
    try:
        document = msgspec.convert(posted, Document)
    except msgspec.ValidationError as error:
        raise BadRuleError(str(error)) from error
    do = msgspec.to_builtins(document.do)
    if not do:
        raise BadRuleError("a rule needs something to do")
    endless = document.every is not None or document.probability is not None
    return Rule(
        do=do,
        method=document.match.method and document.match.method.upper(),
        path=_pattern(document.match.path),
        body=_pattern(document.match.body),
        nth=document.nth or document.every or 1,
        every=document.every or 1,
        times=document.times or (None if endless else 1),
        probability=document.probability,
        seed=document.seed,
        dice=random.Random(document.seed),
    )


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(text) if text else None
    except re.error as error:
        raise BadRuleError(f"not a regular expression: {text}") from error


class FaultScript:
    """The rules in force; every request is shown to all of them."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self._ids = itertools.count(1)

    def add(self, document: dict[str, Any]) -> Rule:
        rule = parse_rule(document)
        rule.id = next(self._ids)
        self.rules.append(rule)
        return rule

    def clear(self, rule_id: int | None = None) -> None:
        self.rules = [rule for rule in self.rules if rule_id is not None and rule.id != rule_id]

    def strike(self, request: Request) -> dict[str, Any]:
        """Return all that befalls this request; where two rules differ, the earlier one stands."""
        deeds: dict[str, Any] = {}
        for rule in [rule for rule in self.rules if rule.strikes(request)]:
            deeds = {**rule.do, **deeds}
        return deeds
