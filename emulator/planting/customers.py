"""Accounts, their contacts, what they bought, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.planting.bed import DAY, SPAN
from emulator.planting.words import (
    FIRMS,
    FIRST_NAMES,
    FORMS,
    LAST_NAMES,
    PLACES,
    PRODUCTS,
    TRADES,
)
from emulator.schema.customer import INDUSTRIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.planting.bed import Bed
    from emulator.planting.people import People

_MOST_ACCOUNTS = 20_000
_CASES_PER_ACCOUNT = 40
CONTACTS_PER_ACCOUNT = 3


@dataclass(frozen=True)
class Customers:
    """Accounts and contacts; the contacts of account n start at 3n."""

    accounts: list[str]
    contacts: list[str]
    reached_by: list[tuple[str, str, str]]
    products: list[str]
    entries: list[str]
    assets: list[str]


def sow_customers(bed: Bed, people: People) -> Customers:
    products, entries = _sow_products(bed)
    count = min(_MOST_ACCOUNTS, max(10, bed.cases // _CASES_PER_ACCOUNT))
    accounts = bed.sow("Account", _ACCOUNT, _accounts(bed, people, count))
    rows = list(_contacts(bed, people, accounts))
    contacts = bed.sow("Contact", _CONTACT, rows)
    reached_by = [(row[6], row[7], row[8]) for row in rows]
    assets = bed.sow("Asset", _ASSET, _assets(bed, people, accounts, contacts, products))
    return Customers(accounts, contacts, reached_by, products, entries, assets)


def _sow_products(bed: Bed) -> tuple[list[str], list[str]]:
    born = bed.stamp(0)
    head = (born, born, bed.user_id)
    products = bed.sow(
        "Product2",
        "Name ProductCode Family IsActive Description",
        (
            (*head, name, code, family, 1, f"{name} ({family})")
            for name, code, family, _ in PRODUCTS
        ),
    )
    book = bed.sow("Pricebook2", "Name IsActive IsStandard", [(*head, "Standard Price Book", 1, 1)])
    rows = (
        (*head, name, book[0], product, price, 1)
        for product, (name, _, _, price) in zip(products, PRODUCTS, strict=True)
    )
    return products, bed.sow(
        "PricebookEntry", "Name Pricebook2Id Product2Id UnitPrice IsActive", rows
    )


def _address(prefix: str) -> str:
    parts = ["Street", "City", "State", "PostalCode", "Country", "Latitude", "Longitude"]
    return " ".join(f"{prefix}{part}" for part in parts)


_ACCOUNT = (
    "Name Type Phone AccountNumber Website Industry AnnualRevenue NumberOfEmployees OwnerId "
    f"Description {_address('Billing')} {_address('Shipping')}"
)


def _accounts(bed: Bed, people: People, count: int) -> Iterator[tuple[Any, ...]]:
    rng = bed.rng
    firms, trades, forms = bed.deal(FIRMS), bed.deal(TRADES), bed.deal(FORMS)
    owners, places = bed.deal(people.agents), bed.deal(PLACES)
    industries = bed.deal(INDUSTRIES.split("|"))
    for n in range(count):
        firm = next(firms)
        name = f"{firm} {next(trades)} {next(forms)}"
        created = int(rng.random() * DAY * 90)
        modified = created + int(rng.random() * (SPAN - created))
        staff = int(10 * 1.5 ** (rng.random() * 20))
        place = next(places)
        yield (
            *(bed.stamp(created), bed.stamp(modified), next(owners)),
            *(name, "Customer", f"+1 555 01{n % 100:02} {n % 10000:04}", f"CD{n:06}"),
            *(f"https://www.{firm.lower()}{n}.example", next(industries)),
            *(float(staff * 180_000), staff, next(owners), f"{name}, customer number {n}."),
            *place,
            *place,
        )


_CONTACT = (
    "LastName FirstName AccountId Email Phone MobilePhone Title Department OwnerId "
    + _address("Mailing")
)


def _contacts(bed: Bed, people: People, accounts: list[str]) -> Iterator[tuple[Any, ...]]:
    rng = bed.rng
    firsts, lasts = bed.deal(FIRST_NAMES), bed.deal(LAST_NAMES)
    owners, places = bed.deal(people.agents), bed.deal(PLACES)
    jobs = bed.deal([("IT Manager", "IT"), ("Buyer", "Purchasing"), ("Site Lead", "Operations")])
    for n in range(len(accounts) * CONTACTS_PER_ACCOUNT):
        first, last = next(firsts), next(lasts)
        created = int(rng.random() * DAY * 120)
        modified = created + int(rng.random() * (SPAN - created))
        email = f"{first}.{last}{n}@customer.example".lower()
        title, department = next(jobs)
        yield (
            *(bed.stamp(created), bed.stamp(modified), next(owners)),
            *(last, first, accounts[n // CONTACTS_PER_ACCOUNT]),
            *(email, f"+44 20 7946 {n % 10000:04}", f"+44 7700 9{n % 100000:05}"),
            *(title, department, next(owners), *next(places)),
        )


_ASSET = (
    "Name AccountId ContactId Product2Id ProductCode SerialNumber InstallDate PurchaseDate "
    "UsageEndDate Status Price Quantity OwnerId AssetLevel"
)


def _assets(
    bed: Bed, people: People, accounts: list[str], contacts: list[str], products: list[str]
) -> Iterator[tuple[Any, ...]]:
    rng = bed.rng
    sold = bed.deal(list(zip(products, PRODUCTS, strict=True)))
    owners = bed.deal(people.agents)
    for n in range(len(accounts) * 2):
        product, (name, code, _, price) = next(sold)
        bought = int(rng.random() * 600)
        created = bought * DAY + n % DAY
        modified = created + int(rng.random() * (SPAN - created))
        yield (
            *(bed.stamp(created), bed.stamp(modified), next(owners)),
            *(f"{name} #{n}", accounts[n // 2], contacts[n // 2 * CONTACTS_PER_ACCOUNT]),
            *(product, code, f"SN-{n:08}", bed.day(bought + 7), bed.day(bought)),
            *(bed.day(bought + 1825), "Installed", price, 1.0, next(owners), 1),
        )
