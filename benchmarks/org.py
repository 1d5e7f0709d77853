"""The emulated org in a process of its own, its clock stopped so that its pages stay warm."""

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime

from emulator.options import Options
from emulator.serving import Serving


def main() -> None:
    """Serve until stdin ends or SIGTERM comes, having said on stdout how to reach the org."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, required=True)
    cases = parser.parse_args().cases
    # Every run then asks for the very same windows, in the very same words.
    stopped = datetime.now(UTC).replace(microsecond=0)
    started = time.perf_counter()
    serving = Serving(Options(cases=cases, api_limit=10_000_000), lambda: stopped)
    seconds = time.perf_counter() - started
    try:
        asyncio.run(_run(serving, seconds))
    finally:
        serving.close()


async def _run(serving: Serving, seconds: float) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.stop)
    threading.Thread(target=_end_with_the_asker, daemon=True).start()
    await serving.run(lambda: print(json.dumps(_said(serving, seconds)), flush=True))


def _said(serving: Serving, seconds: float) -> dict[str, object]:
    instance = serving.instance
    return {
        "url": serving.url,
        "client_id": instance.app.client_id,
        "client_secret": instance.app.client_secret,
        "refresh_token": instance.grant.refresh_token,
        "start_seconds": seconds,
    }


def _end_with_the_asker() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
