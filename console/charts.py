"""Charts as data: what the browser draws, and the same figures for a table below it."""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """How figures are drawn."""

    BAR = "bar"
    BARS = "bars"
    """Lying, for names that are long."""
    LINE = "line"


@dataclass(frozen=True)
class Series:
    """One row of figures; `tone` names a colour of the style sheet, else it follows its place."""

    name: str
    values: tuple[float | None, ...]
    tone: str | None = None


@dataclass(frozen=True)
class Chart:
    """One picture; what its labels stand for is named by `axis`."""

    title: str
    kind: Kind
    axis: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    unit: str = ""
    stacked: bool = False
    note: str = field(default="", kw_only=True)

    @property
    def spec(self) -> str:
        """What static/charts.js reads."""
        drawn: dict[str, Any] = {
            "kind": self.kind,
            "labels": self.labels,
            "series": [vars(one) for one in self.series],
            "unit": self.unit,
            "stacked": self.stacked,
        }
        return json.dumps(drawn)

    @property
    def rows(self) -> list[tuple[str, tuple[float | None, ...]]]:
        """The figures, label by label."""
        columns = zip(*(one.values for one in self.series), strict=True)
        return list(zip(self.labels, columns, strict=True))

    @property
    def is_empty(self) -> bool:
        return not self.labels
