"""The pages a browser sees: those of an authorization, and the templates of Setup; no script."""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jinja2 import Environment

FRAME = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title} | emulated org</title>
<link rel="icon" href="data:,">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; background: #f3f3f3; color: #181818; }}
main {{ max-width: 24rem; margin: 4rem auto; padding: 2rem; }}
main {{ background: #fff; border: 1px solid #ddd; }}
label, input, button {{ display: block; width: 100%; box-sizing: border-box; font: inherit; }}
input {{ margin: .25rem 0 1rem; padding: .5rem; }}
button {{ margin-top: .75rem; padding: .6rem; }}
.error {{ color: #b30000; }}
</style></head><body><main><h1>{title}</h1>
{content}
</main></body></html>
"""


def render(name: str, title: str, **context: Any) -> str:
    """Fill a template; whatever is put in is escaped."""
    page = _templates().get_template(f"{name}.html")
    return page.render({"title": title, "signed_in": True, "errors": (), **context})


@cache
def _templates() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - slow to import, seldom asked for

    folder = Path(__file__).with_name("templates")
    return Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)


def login_page(key: str, username: str, error: str = "") -> str:
    warning = f'<p class="error" role="alert">{escape(error)}</p>' if error else ""
    content = f"""{warning}<form method="post" action="/services/oauth2/login">
<input type="hidden" name="request" value="{escape(key)}">
<label for="username">Username</label>
<input id="username" name="username" autocomplete="username" value="{escape(username)}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password">
<button id="login" type="submit">Log In</button>
</form>"""
    return _page("Log in", content)


def approval_page(key: str, app: str, username: str, scopes: Iterable[str]) -> str:
    wishes = "".join(f"<li>{escape(scope)}</li>" for scope in scopes)
    content = f"""<p><strong>{escape(app)}</strong> asks to act for {escape(username)}:</p>
<ul>{wishes}</ul>
<form method="post" action="/services/oauth2/approve">
<input type="hidden" name="request" value="{escape(key)}">
<button id="allow" type="submit" name="decision" value="allow">Allow</button>
<button id="deny" type="submit" name="decision" value="deny">Deny</button>
</form>"""
    return _page("Allow access?", content)


def error_page(error: str, description: str) -> str:
    content = f"<p>error={escape(error)}&amp;error_description={escape(description)}</p>"
    return _page("OAuth error", content)


def _page(title: str, content: str) -> str:
    return FRAME.format(title=escape(title), content=content)
