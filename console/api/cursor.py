"""Cursors: where a page of commands ended, as a text that nobody needs to understand."""

import base64
import binascii

import msgspec

from console.problems import Problem
from models.columns import utc
from store.paging import Place


def text_of(place: Place) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_of(text: str) -> Place:
    """Read a cursor; raises `Problem` for what was none of ours."""
    try:
        padded = text + "=" * (-len(text) % 4)
        place = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=Place)
        if place.finished:
            utc(place.finished[0])
    except (binascii.Error, ValueError):
        raise Problem(422, "this cursor is none: take `next` of the page before") from None
    return place
