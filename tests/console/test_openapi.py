"""The description of the API is exact: whoever believes it finds nothing amiss."""

import subprocess
import sys
from pathlib import Path

import pytest

from console.api import OPERATIONS
from console.api.openapi import document
from emulator.server import Emulator
from tests.console.conftest import served
from tests.console.ground import bench
from tests.pipelines.push.ground import Place, create

SCHEMATHESIS = str(Path(sys.executable).with_name("schemathesis"))


@pytest.mark.timeout(900)
def test_schemathesis_finds_nothing(org: Emulator, sqlite_store_url: str, tmp_path: Path) -> None:
    """All its checks, over what the description allows and over what it does not."""
    place = Place(org, sqlite_store_url, console_rate=0)
    place.app.link_from_settings()
    for model in place.app.models[:2]:
        place.app.puller().pull(model)
    place.submit(create(Subject="One", Origin="Web"))
    config = Path(__file__).with_name("schemathesis.toml")
    options = "--phases coverage,fuzzing --max-examples 2 --seed 1 --no-shrink --no-color"
    # How long a busy machine takes to think up an example, or to answer it, is no finding.
    options += " --suppress-health-check too_slow --request-timeout 120"
    with served(place) as http:
        words = [
            "--config-file",
            config,
            "run",
            f"{str(http.base_url).rstrip('/')}/openapi.json",
            *options.split(),
        ]
        done = subprocess.run(
            [SCHEMATHESIS, *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=840,
            check=False,
        )
    place.app.close()
    sys.stdout.write(done.stdout)  # what it ran: pytest -rP shows it
    assert done.returncode == 0, done.stderr
    assert f"Tested: {len(OPERATIONS)}\n" in done.stdout


def test_the_description_names_every_address_that_answers(sqlite_store_url: str) -> None:
    """By the operations themselves: each once, with a scope and a summary."""
    with bench(sqlite_store_url) as ground:
        here = ground.client(is_loopback=True)
        found = here.get("/openapi.json").json()
    assert sum(len(methods) for methods in found["paths"].values()) == len(OPERATIONS)
    names = [one["operationId"] for path in found["paths"].values() for one in path.values()]
    assert len(set(names)) == len(names)


def test_a_key_is_asked_for_where_the_description_says_so() -> None:
    """Beyond loopback every operation names the bearer's key; on loopback none does."""
    assert "security" not in document(OPERATIONS, is_open=True)
    closed = document(OPERATIONS, is_open=False)
    assert closed["security"] == [{"key": []}]
    assert closed["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
