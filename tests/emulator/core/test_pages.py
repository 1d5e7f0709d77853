"""Rendered pages are kept as long as they fit."""

from emulator.queries import _Pages
from emulator.soql.render import Rendered


def test_a_page_rendered_again_counts_once():
    """Two pages fit, however often one of them is put; a third drives out the oldest."""
    page = Rendered(b"x" * 800)
    pages = _Pages(2 * page.size)
    for key in ("first", "second", "second", "second"):
        pages.put(key, page)
    assert pages.get("first") is page
    pages.put("third", page)
    assert pages.get("second") is None
    assert pages.get("first") is pages.get("third") is page
