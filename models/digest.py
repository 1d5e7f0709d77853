"""A digest of what a command does: two submissions under one key are the same, or they are not."""

from hashlib import blake2b
from typing import Any

import msgspec

from models.command import REFERENCE, Command, Usual

LENGTH = 32
"""Hexadecimal digits."""
_SHORT_ID = 15  # the other three are a check of these
_encode = msgspec.json.Encoder(order="sorted").encode


def digest(one: Command | Usual) -> str:
    """Digest op, sObject, record and fields as they were submitted, in whatever form.

    How it is to be done (its priority, say) is left out, and so is which commands it refers to:
    a program that is run again may have given those new ids.
    """
    what = (
        one.op,
        one.sobject.lower(),
        one.record_id and one.record_id[:_SHORT_ID],
        one.external_id_field and one.external_id_field.lower(),
        one.external_id,
        # Most values are texts, and each call costs.
        {x.lower(): v if type(v) is str else _plain(v) for x, v in one.fields.items()},
    )
    return blake2b(_encode(what), digest_size=LENGTH // 2).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {REFERENCE: None}
    return int(value) if isinstance(value, float) and value.is_integer() else value
