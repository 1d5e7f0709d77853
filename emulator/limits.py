"""The daily API request allocation, counted call by call and told in `Sforce-Limit-Info`."""

from __future__ import annotations

from typing import Any

from emulator.errors import ApiError

# Besides DailyApiRequests these move only in reality; clients read them for their shape.
OTHERS = {
    "ConcurrentAsyncGetReportInstances": 200,
    "DailyAsyncApexExecutions": 250_000,
    "DailyBulkApiBatches": 15_000,
    "DailyBulkV2QueryFileStorageMB": 976_562,
    "DailyBulkV2QueryJobs": 10_000,
    "DailyDurableStreamingApiEvents": 10_000,
    "DailyGenericStreamingApiEvents": 10_000,
    "DailyStandardVolumePlatformEvents": 25_000,
    "DailyStreamingApiEvents": 10_000,
    "DataStorageMB": 5_120,
    "FileStorageMB": 5_120,
    "HourlyPublishedPlatformEvents": 50_000,
    "MassEmail": 5_000,
    "SingleEmail": 5_000,
}


class Limits:
    """How many calls may be made a day, and how many were."""

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self.used = 0

    def charge(self, calls: int = 1) -> None:
        """Count calls, or refuse them once the allocation is spent, as a Developer org does."""
        if self.used + calls > self.maximum:
            raise ApiError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self.used += calls

    def spend_all(self) -> None:
        self.used = self.maximum

    @property
    def header(self) -> dict[str, str]:
        return {"sforce-limit-info": f"api-usage={self.used}/{self.maximum}"}

    def document(self) -> dict[str, Any]:
        daily = {"Max": self.maximum, "Remaining": max(0, self.maximum - self.used)}
        rest = {name: {"Max": top, "Remaining": top} for name, top in OTHERS.items()}
        return dict(sorted({"DailyApiRequests": daily, **rest}.items()))
