"""ServiceTerritory, where work is done (key prefix 0Hh); only orgs with Field Service have it."""

from datetime import timedelta
from typing import ClassVar

from models.address import Address
from models.columns import flag, number, picklist, reference, text, whole
from models.sobject import SObject


class ServiceTerritory(Address, SObject, table=True):
    """A region, of a map or of a company, that work orders are assigned to."""

    __tablename__ = "service_territories"
    sobject: ClassVar[str] = "ServiceTerritory"
    freshness: ClassVar[timedelta] = timedelta(hours=1)  # made by administrators, now and then

    name: str | None = text()
    currency_iso_code: str | None = picklist()
    owner_id: str | None = reference("User", "Group")
    description: str | None = text()
    is_active: bool | None = flag()
    parent_territory_id: str | None = reference("ServiceTerritory")
    top_level_territory_id: str | None = reference("ServiceTerritory")
    operating_hours_id: str | None = reference("OperatingHours")
    travel_mode_id: str | None = reference("TravelMode")
    scheduling_constraint_id: str | None = reference("SchedulingConstraint")
    typical_in_territory_travel_time: float | None = number()  # minutes
    avg_travel_time: int | None = whole()  # minutes
    travel_time_buffer: int | None = whole()  # minutes
