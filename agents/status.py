"""The state of the copy, as agents read it: what is fresh, what waits, what is amiss."""

from typing import Any

import mcp_types as types

from agents.results import JSON
from pipelines.overview import ObjectStatus, Overview
from pipelines.verdict import judge

STATUS = types.Resource(
    uri="scsync://status",
    name="status",
    title="The state of scsync",
    description="How fresh each object of the copy is, where commands stand, what needs a person.",
    mime_type=JSON,
)


def status(found: Overview) -> dict[str, Any]:
    verdict = judge(found)
    return {
        "ready": verdict.is_ready,
        "reasons": verdict.reasons,
        "cautions": verdict.cautions,
        "at": found.at.isoformat(),
        "account": found.account.state if found.account else None,
        "objects": {one.sobject: _object(one) for one in found.objects},
        "commands": found.commands,
    }


def _object(one: ObjectStatus) -> dict[str, Any]:
    moments = {
        "complete_through": one.watermark,
        "last_good_pull": one.fresh_as_of,
        "verified_through": one.verified_through,
    }
    told = {name: moment.isoformat() if moment else None for name, moment in moments.items()}
    return {"rows": one.rows - one.tombstones, **told}
