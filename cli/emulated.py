"""The emulated org of the demo: a process of its own, reached like any org."""

import json
import subprocess
import sys
from types import TracebackType
from typing import Self

import httpx

from config.settings import ConfigError


class EmulatedOrg:
    """Starts the org, knows its address and its grant, and ends it."""

    def __init__(self, cases: int) -> None:
        self.cases = cases
        command = [sys.executable, "-m", "emulator", "--json", "--port", "0", "--cases", str(cases)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise ConfigError("the emulated org did not start; what it said stands above")
        said = json.loads(line)
        self.url: str = said["url"]
        self.client_id: str = said["client_id"]
        self.client_secret: str = said["client_secret"]
        self.refresh_token: str = said["refresh_token"]
        self._http = httpx.Client(base_url=self.url, timeout=30)

    def act(self, name: str) -> None:
        """Have something happen in the org, as if its users did it."""
        self._http.post("/emulator/acts", json={"act": name}).raise_for_status()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()
        self._process.terminate()
        self._process.wait(timeout=10)
