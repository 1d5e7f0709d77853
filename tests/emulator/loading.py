"""How a client loads rows through an ingest job, step by step."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx


def opened(api, operation="insert", sobject="Case", **more) -> httpx.Response:
    wish = {"object": sobject, "operation": operation, "contentType": "CSV", **more}
    return api.post("jobs/ingest", json=wish)


def filled(api, job, text) -> httpx.Response:
    content = text if isinstance(text, bytes) else text.encode()
    headers = {"Content-Type": "text/csv"}
    return api.put(f"jobs/ingest/{job}/batches", content=content, headers=headers)


def closed(api, job, state="UploadComplete") -> httpx.Response:
    return api.patch(f"jobs/ingest/{job}", json={"state": state})


def look(api, job) -> dict:
    return api.get(f"jobs/ingest/{job}").json()


def loaded(api, text, operation="insert", **more) -> str:
    """Open, fill and close a job; return its Id."""
    job = opened(api, operation, **more).json()["id"]
    assert filled(api, job, text).status_code == 201
    assert closed(api, job).status_code == 200
    return job


def finished(api, text, operation="insert", **more) -> str:
    """Load a file and look once, which is when a job is said to be complete."""
    job = loaded(api, text, operation, **more)
    assert look(api, job)["state"] in {"JobComplete", "Failed"}
    return job


def rows(api, job, kind, delimiter=",") -> list[dict[str, str]]:
    answer = api.get(f"jobs/ingest/{job}/{kind}")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.text, newline=""), delimiter=delimiter))


def table(header, *lines) -> str:
    """Write a file: fields that need no quotes."""
    return "\n".join([header, *lines]) + "\n"
