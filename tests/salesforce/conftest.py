"""A scripted org, a vault with its first token, and a client between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from salesforce.client import Client
from salesforce.oauth import AppCredentials
from salesforce.vault import Token
from tests.salesforce.scripted_org import IDENTITY, ScriptedOrg
from tests.salesforce.vaults import MemoryVault

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def org() -> Iterator[ScriptedOrg]:
    with ScriptedOrg() as running:
        yield running


@pytest.fixture
def app(org: ScriptedOrg) -> AppCredentials:
    return AppCredentials("consumer", "s3cret", org.url)


@pytest.fixture
def token(org: ScriptedOrg) -> Token:
    return Token("00D!first", "refresh0", org.url, 1, IDENTITY, "api refresh_token")


@pytest.fixture
def vault(token: Token) -> MemoryVault:
    return MemoryVault(token)


@pytest.fixture
def client(vault: MemoryVault, app: AppCredentials) -> Iterator[Client]:
    with Client(vault=vault, app=app) as client:
        yield client
