"""The app's refresh token policy, as it is chosen in Setup."""

import re
from typing import Annotated

from pydantic import AfterValidator

_MOST = 720  # of whichever unit, as Setup has it
_SPAN = re.compile(r"(?:after|unused) (\d+) (?:day|hour|minute)s?")


def _known(value: str) -> str:
    words = " ".join(value.lower().split())
    span = _SPAN.fullmatch(words)
    if words in {"until revoked", "immediately"} or (span and 0 < int(span[1]) <= _MOST):
        return words
    raise ValueError(
        f"{value!r} is none of the app's policies: use 'until revoked', 'immediately', "
        f"'after 90 days' or 'unused 30 days' (or hours, or minutes; at most {_MOST})"
    )


RefreshPolicy = Annotated[str, AfterValidator(_known)]
