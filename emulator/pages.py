"""The few pages a browser sees while it authorizes an app: plain forms, no script."""

from __future__ import annotations

from html import escape

FRAME = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title} | emulated org</title>
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


def approval_page(key: str, app: str, username: str, scopes: tuple[str, ...]) -> str:
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
