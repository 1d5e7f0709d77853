"""What updates of many records cost others: one call each, and a bare loop of Collections.

Neither keeps anything: a reply that is lost, a row that is refused, a crash are nobody's business.
"""

import time
from collections.abc import Sequence

import httpx
import requests
from simple_salesforce.api import Salesforce

from benchmarks.peer import WithoutTls

API = "/services/data/v67.0"
ROWS = 200


def one_by_one(org: str, token: str, ids: Sequence[str], subject: str) -> float:
    """Update records by simple-salesforce, as its manual shows; give the seconds."""
    session = requests.Session()
    session.mount("https://", WithoutTls())
    peer = Salesforce(
        instance_url=org.replace("http://", "https://"),
        session_id=token,
        version="67.0",
        session=session,
    )
    started = time.perf_counter()
    for record_id in ids:
        peer.Case.update(record_id, {"Subject": subject, "Priority": "High"})  # type: ignore[operator]
    return time.perf_counter() - started


def bare_collections(org: str, token: str, ids: Sequence[str], subject: str) -> float:
    """Send the same Collections one after the other, and look that all is well."""
    head = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=org, headers=head, timeout=60) as http:
        started = time.perf_counter()
        for start in range(0, len(ids), ROWS):
            records = [
                {
                    "attributes": {"type": "Case"},
                    "id": record_id,
                    "Subject": subject,
                    "Priority": "High",
                }
                for record_id in ids[start : start + ROWS]
            ]
            body = {"allOrNone": False, "records": records}
            answer = http.patch(f"{API}/composite/sobjects", json=body).raise_for_status()
            assert all(one["success"] for one in answer.json())
        return time.perf_counter() - started
