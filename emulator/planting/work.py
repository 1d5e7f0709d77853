"""Work orders with lines, and the articles agents answer from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.planting.bed import DAY, SPAN
from emulator.planting.customers import CONTACTS_PER_ACCOUNT
from emulator.planting.words import ARTICLES, PLACES, PRODUCTS, SENTENCES
from emulator.schema.work_order import STATUS_CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emulator.planting.bed import Bed
    from emulator.planting.customers import Customers
    from emulator.planting.people import People

_MOST_ORDERS = 20_000
_LINES = 2
_FAR_OFF_EVERY = 10
_CLOSED = frozenset({"Completed", "Closed", "Canceled", "Cannot Complete"})
_MOST_ARTICLES = 500
_DRAFT_EVERY = 10
_REVIEW = 180 * 1440  # minutes after which an article is to be looked at again, where one is set


def sow_work_orders(bed: Bed, people: People, customers: Customers, cases: list[str]) -> None:
    territories = bed.sow("ServiceTerritory", _TERRITORY, _territories(bed))
    places = dict(zip(PLACES, territories, strict=True))
    orders = bed.sow("WorkOrder", _ORDER, _orders(bed, people, customers, cases, places))
    bed.sow("WorkOrderLineItem", _LINE, _lines(bed, customers, orders))
    bed.tables.skip_to("WorkOrder.WorkOrderNumber", len(orders))
    bed.tables.skip_to("WorkOrderLineItem.LineItemNumber", len(orders) * _LINES)


_TERRITORY = "Name OwnerId IsActive City State Country"


def _territories(bed: Bed) -> Iterator[tuple[Any, ...]]:
    born = bed.stamp(0)
    for _, city, state, _, country, *_ in PLACES:
        name = f"{city} and around"
        yield (born, born, bed.user_id, name, bed.user_id, 1, city, state, country)


_ORDER = (
    "WorkOrderNumber OwnerId AccountId ContactId CaseId Subject Description Status "
    "StatusCategory IsClosed Priority Duration DurationType DurationInMinutes StartDate EndDate "
    "LineItemCount Subtotal TotalPrice GrandTotal Discount Street City State PostalCode Country "
    "Latitude Longitude ServiceTerritoryId"
)


def _price(order: int, line: int) -> float:
    return PRODUCTS[(order + line) % len(PRODUCTS)][3]


def _when(bed: Bed, n: int, count: int) -> tuple[int, int]:
    created = int(n / count * (SPAN - DAY))
    return created, created + int(bed.rng.random() * (SPAN - created))


def _orders(
    bed: Bed,
    people: People,
    customers: Customers,
    cases: list[str],
    territories: Mapping[tuple[Any, ...], str],
) -> Iterator[tuple[Any, ...]]:
    owners, places = bed.deal(people.agents), bed.deal(PLACES)
    statuses = bed.deal(list(STATUS_CATEGORIES))
    count = min(_MOST_ORDERS, max(10, bed.cases // 10))
    for n in range(count):
        created, modified = _when(bed, n, count)
        account, status, place = n % len(customers.accounts), next(statuses), next(places)
        territory = territories[place] if (n + 1) % _FAR_OFF_EVERY else None
        total = sum(_price(n, line) for line in range(_LINES))
        yield (
            *(bed.stamp(created), bed.stamp(modified), next(owners), f"{n + 1:08}", next(owners)),
            *(customers.accounts[account], customers.contacts[account * CONTACTS_PER_ACCOUNT]),
            *(cases[n * len(cases) // count], f"Visit {n + 1}", SENTENCES[n % len(SENTENCES)]),
            *(status, STATUS_CATEGORIES[status], int(status in _CLOSED)),
            *(("Low", "Medium", "High", "Critical")[n % 4], 2.0, "Hours", 120.0),
            *(bed.far(created + DAY), bed.far(created + DAY + 7200), _LINES),
            *(total, total, total, 0.0, *place, territory),
        )


_LINE = (
    "WorkOrderId LineItemNumber Product2Id PricebookEntryId Status StatusCategory IsClosed "
    "Quantity UnitPrice ListPrice Subtotal TotalPrice Subject"
)


def _lines(bed: Bed, customers: Customers, orders: list[str]) -> Iterator[tuple[Any, ...]]:
    for number in range(len(orders) * _LINES):
        n, line = divmod(number, _LINES)
        created, modified = _when(bed, n, len(orders))
        which, price = (n + line) % len(PRODUCTS), _price(n, line)
        yield (
            *(bed.stamp(created), bed.stamp(modified), bed.user_id, orders[n], f"{number + 1:08}"),
            *(customers.products[which], customers.entries[which], "New", "New", 0),
            *(1.0, price, price, price, price, PRODUCTS[which][0]),
        )


_ARTICLE = (
    "ArticleNumber MasterLanguage CaseAssociationCount TotalViewCount FirstPublishedDate "
    "LastPublishedDate"
)
_VERSION = (
    "KnowledgeArticleId Title UrlName Summary Language IsVisibleInPkb IsVisibleInApp "
    "PublishStatus ValidationStatus VersionNumber IsLatestVersion IsMasterLanguage OwnerId "
    "ArticleNumber ArticleMasterLanguage ArticleType FirstPublishedDate LastPublishedDate "
    "ArchivedDate ArticleCreatedDate ArticleCreatedById NextReviewDate Answer__c"
)


def sow_articles(bed: Bed, people: People) -> None:
    count = min(_MOST_ARTICLES, max(len(ARTICLES), bed.cases // 50))
    articles = [_article(bed, people, n, count) for n in range(count)]
    ids = bed.sow("Knowledge__ka", _ARTICLE, articles)
    bed.sow("Knowledge__kav", _VERSION, _versions(bed, people, articles, ids))
    bed.tables.skip_to("Knowledge__kav.ArticleNumber", count)


def _article(bed: Bed, people: People, n: int, count: int) -> tuple[Any, ...]:
    created, modified = (bed.stamp(second) for second in _when(bed, n, count))
    author = people.agents[n % len(people.agents)]
    published = modified if (n + 1) % _DRAFT_EVERY else None
    return (created, modified, author, f"{n + 1:09}", "en_US", n % 30, n * 7, published, published)


def _versions(
    bed: Bed, people: People, articles: list[tuple[Any, ...]], ids: list[str]
) -> Iterator[tuple[Any, ...]]:
    bodies = bed.deal(SENTENCES)
    for n, (article, id_) in enumerate(zip(articles, ids, strict=True)):
        created, modified, author, number, language, _, _, published, _ = article
        title = f"{ARTICLES[n % len(ARTICLES)]} ({n + 1})"
        url = "-".join(title.lower().translate(str.maketrans("", "", "()")).split())
        owner = people.agents[(n + 1) % len(people.agents)]
        for version, status in enumerate(_states(n), 1):
            body = f"<p>{next(bodies)}</p><p>{next(bodies)}</p>"
            yield (
                *(created, modified, author, id_, title, url, f"How to: {title}", language),
                *(n % 2, 1, status, "Not Validated", version, int(status != "Archived"), 1),
                *(owner, number, language, "Knowledge__kav", published, published),
                *(modified if status == "Archived" else None, created, author),
                *(bed.after(published, _REVIEW) if published and n % 3 == 0 else None, body),
            )


def _states(n: int) -> tuple[str, ...]:
    """Return the versions an article has: a draft, one online, an archived one before it."""
    if (n + 1) % _DRAFT_EVERY == 0:
        return ("Draft",)
    return ("Archived", "Online") if n % 4 == 0 else ("Online",)
