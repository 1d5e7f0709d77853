"""Which app calls, and whether it proves to be it: by its secret, in the body or by HTTP Basic."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING, NamedTuple

from emulator.admission import OAuthError

if TYPE_CHECKING:
    from emulator.admission import Admission
    from emulator.exchange import Request
    from emulator.grants import ConnectedApp


class Credentials(NamedTuple):
    """What a client says it is, by body or by HTTP Basic."""

    client_id: str
    secret: str | None


class Clients:
    """Recognises apps by their credentials."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission

    def client(
        self,
        form: dict[str, str],
        request: Request,
        *,
        secret_needed: bool = False,
        refreshing: bool = False,
    ) -> ConnectedApp:
        credentials = _credentials(form, request)
        app = self.admission.app(credentials.client_id)
        if credentials.secret is None:
            if secret_needed or app.needs_secret(refreshing=refreshing):
                raise OAuthError("invalid_client", "invalid client credentials")
        elif not hmac.compare_digest(credentials.secret.encode(), app.client_secret.encode()):
            raise OAuthError("invalid_client", "invalid client credentials")
        return app


def _credentials(form: dict[str, str], request: Request) -> Credentials:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return Credentials(form.get("client_id", ""), form.get("client_secret"))
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise OAuthError("invalid_client", "invalid client credentials") from error
    return Credentials(name, secret)
