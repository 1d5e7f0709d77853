"""Runs the console script's `main` in processes forked from one that has imported it already.

Each is a process like any other; importing, which is most of a short verb's time, happens once.
"""

import gc
import json
import os
import sys
from importlib import import_module
from typing import Any

from sqlalchemy.orm import configure_mappers

from cli.main import main, program


def serve() -> None:
    """Read a request a line, run it in a child, answer with its exit code."""
    prepare()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run(json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def prepare() -> None:
    """Do once what every process would do for itself before it does anything else."""
    program()
    for module in ("psycopg", "store.migrating", "redis", "uvicorn"):
        import_module(module)
    configure_mappers()
    gc.freeze()  # what is shared stays so: the collector would write into every page of it


def run(request: dict[str, Any]) -> None:
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["env"])
    new = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for stream, flags in enumerate((os.O_RDONLY, new, new)):
        os.dup2(os.open(request["streams"][stream], flags, 0o600), stream)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - of this process
    sys.argv = ["scsync", *request["words"]]
    code = 70  # whatever gets past `main`
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
