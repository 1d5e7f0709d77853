"""Service contracts with lines, entitlements with their process, and plain contracts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.behaviour.case import MINUTES_TO_TARGET
from emulator.behaviour.contract import months_after
from emulator.planting.bed import DAY, SPAN
from emulator.planting.customers import CONTACTS_PER_ACCOUNT
from emulator.planting.words import PLACES, PRODUCTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.planting.bed import Bed
    from emulator.planting.customers import Customers
    from emulator.planting.people import People

_YEAR = 365
_LINES = 3
_MOST_CONTRACTS = 10_000


@dataclass(frozen=True)
class Agreements:
    """Entitlements and service contracts; number n belongs to account n."""

    entitlements: list[str]
    service_contracts: list[str]
    milestone_types: list[str]


def sow_agreements(bed: Bed, people: People, customers: Customers) -> Agreements:
    born = bed.stamp(0)
    head = (born, born, bed.user_id)
    kinds = ((*head, name, "none") for name in MINUTES_TO_TARGET)
    milestone_types = bed.sow("MilestoneType", "Name RecurrenceType", kinds)
    columns = "Name NameNorm IsActive IsVersionDefault StartDateField SobjectType VersionNumber"
    process = (*head, "Standard Support", "standard support", 1, 1, "SlaStartDate", "Case", 1)
    processes = bed.sow("SlaProcess", columns, [process])
    count = min(_MOST_CONTRACTS, len(customers.accounts))
    contracts = bed.sow(
        "ServiceContract", _CONTRACT, _service_contracts(bed, people, customers, count)
    )
    bed.sow("ContractLineItem", _LINE, _lines(bed, customers, contracts))
    rows = _entitlements(bed, people, customers, contracts, processes[0])
    entitlements = bed.sow("Entitlement", _ENTITLEMENT, rows)
    bed.sow("Contract", _PLAIN, _plain_contracts(bed, people, customers, count))
    numbers = {"ServiceContract.ContractNumber": count, "Contract.ContractNumber": count}
    for counter, last in (numbers | {"ContractLineItem.LineItemNumber": count * _LINES}).items():
        bed.tables.skip_to(counter, last)
    return Agreements(entitlements, contracts, milestone_types)


def _terms(bed: Bed, n: int) -> tuple[int, int, int]:
    """Return the first day of a term and two stamps; some are over, some have not begun."""
    first = n * 37 % 800
    created = min(first, 700) * DAY + n * 61 % DAY
    return first, created, created + int(bed.rng.random() * (SPAN - created))


_CONTRACT = (
    "Name OwnerId AccountId ContactId ContractNumber StartDate EndDate Term ApprovalStatus "
    "Description ShippingHandling Tax Subtotal TotalPrice GrandTotal Discount LineItemCount "
    "BillingStreet BillingCity BillingState BillingPostalCode BillingCountry BillingLatitude "
    "BillingLongitude"
)


def _service_contracts(
    bed: Bed, people: People, customers: Customers, count: int
) -> Iterator[tuple[Any, ...]]:
    owners, places = bed.deal(people.agents), bed.deal(PLACES)
    for n in range(count):
        first, created, modified = _terms(bed, n)
        lines = [_line_price(n, line) for line in range(_LINES)]
        subtotal, total = (round(sum(column), 2) for column in zip(*lines, strict=True))
        discount = round(100 * (1 - total / subtotal), 2)
        yield (
            *(bed.stamp(created), bed.stamp(modified), next(owners)),
            *(f"Service Contract {n + 1}", next(owners), customers.accounts[n]),
            *(customers.contacts[n * CONTACTS_PER_ACCOUNT], f"{n + 1:08}", bed.day(first)),
            *(bed.day(first + _YEAR - 1), 12, "Activated", "Covers parts and labour.", 25.0, 40.0),
            *(subtotal, total, round(total + 65.0, 2), discount, _LINES, *next(places)),
        )


def _line_price(contract: int, line: int) -> tuple[float, float]:
    quantity, price = 1 + (contract + line) % 4, PRODUCTS[(contract + line) % len(PRODUCTS)][3]
    subtotal = quantity * price
    return subtotal, round(subtotal * (1 - _discount(contract, line) / 100), 2)


def _discount(contract: int, line: int) -> float:
    return float((contract + line) % 3 * 5)


_LINE = (
    "ServiceContractId PricebookEntryId Product2Id Quantity UnitPrice Discount StartDate EndDate "
    "ListPrice Subtotal TotalPrice LineItemNumber"
)


def _lines(bed: Bed, customers: Customers, contracts: list[str]) -> Iterator[tuple[Any, ...]]:
    for number in range(len(contracts) * _LINES):
        n, line = divmod(number, _LINES)
        first, created, modified = _terms(bed, n)
        which = (n + line) % len(PRODUCTS)
        price = PRODUCTS[which][3]
        subtotal, total = _line_price(n, line)
        yield (
            *(bed.stamp(created), bed.stamp(modified), bed.user_id),
            *(contracts[n], customers.entries[which], customers.products[which]),
            *(float(1 + (n + line) % 4), price, _discount(n, line)),
            *(bed.day(first), bed.day(first + _YEAR - 1), price, subtotal, total),
            f"{number + 1:08}",
        )


_ENTITLEMENT = (
    "Name AccountId Type StartDate EndDate SlaProcessId BusinessHoursId ServiceContractId AssetId "
    "IsPerIncident CasesPerEntitlement RemainingCases"
)


def _entitlements(
    bed: Bed, people: People, customers: Customers, contracts: list[str], process: str
) -> Iterator[tuple[Any, ...]]:
    kinds = bed.deal(["Phone Support", "Web Support", "Premium Support"])
    for n, contract in enumerate(contracts):
        first, created, modified = _terms(bed, n)
        kind = next(kinds)
        counted = n % 5 == 0
        yield (
            *(bed.stamp(created), bed.stamp(modified), bed.user_id),
            *(f"{kind} {n + 1}", customers.accounts[n], kind, bed.day(first)),
            *(bed.day(first + _YEAR - 1), process, people.hours_id, contract),
            *(customers.assets[n * 2], int(counted)),
            *((20, 12) if counted else (None, None)),
        )


_PLAIN = (
    "AccountId Status StatusCode OwnerId StartDate ContractTerm EndDate ContractNumber "
    "CustomerSignedId CustomerSignedTitle SpecialTerms"
)


def _plain_contracts(
    bed: Bed, people: People, customers: Customers, count: int
) -> Iterator[tuple[Any, ...]]:
    owners = bed.deal(people.agents)
    for n in range(count):
        first, created, modified = _terms(bed, n)
        status, term = ("Activated" if n % 3 else "Draft"), 12 + n % 3 * 12
        yield (
            *(bed.stamp(created), bed.stamp(modified), next(owners)),
            *(customers.accounts[n], status, status, next(owners), bed.day(first), term),
            *(months_after(bed.day(first), term), f"{n + 1:08}"),
            *(customers.contacts[n * CONTACTS_PER_ACCOUNT], "Buyer", "Net 30."),
        )
