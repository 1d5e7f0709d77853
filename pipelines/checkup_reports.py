"""Whether reports can be trusted: what their figures hang on, and the org does not show."""

from collections.abc import Collection

from pipelines.verdicts import Finding, Verdict
from store.reports import CATALOG

_GRANT = (
    "Grant these fields to the user (scsync guide writes a permission set): the next pull reads"
    " them."
)


def report_fields(missing: Collection[str]) -> Finding:
    """Name the reports whose figures hang on fields, like Case.IsClosed, that cannot be read."""
    found = {
        field: [report.name for report in CATALOG.values() if field in report.hangs_on]
        for field in missing
    }
    told = [f"{field} ({', '.join(names)})" for field, names in found.items() if names]
    if not told:
        return Finding("report fields", Verdict.OK, "all that reports hang on can be read")
    return Finding("report fields", Verdict.WARNING, f"not readable: {'; '.join(told)}", _GRANT)
