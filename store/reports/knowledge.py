"""The report on knowledge: which articles serve, and which need somebody."""

from models.columns import Kind
from store.reports import names
from store.reports.dialect import Dialect
from store.reports.report import Column, Report

REVIEWED_WITHIN = 365
"""Days after which an article that nobody published again is to be looked at."""


def articles(d: Dialect) -> Report:
    return Report(
        name="articles",
        title="Knowledge articles",
        sentence="Which drafts wait, which articles are due for review, and which are attached to"
        " cases.",
        sources=("Knowledge__kav",),
        hangs_on=(
            "Knowledge__kav.PublishStatus",
            "Knowledge__kav.LastPublishedDate",
            "Knowledge__kav.NextReviewDate",
        ),
        order="needs, cases desc, article_number",
        tells=("article_number", "title", "cases", "needs"),
        columns=(
            Column("id", Kind.TEXT, "The version of the article.", "k.id"),
            Column("article_number", Kind.TEXT, "The article's number.", "k.article_number"),
            Column("title", Kind.TEXT, "Its title.", "k.title"),
            Column("language", Kind.TEXT, "Its language.", "k.language"),
            Column("publish_status", Kind.TEXT, "Draft or Online.", "k.publish_status"),
            Column("validation_status", Kind.TEXT, "Its validation.", "k.validation_status"),
            Column("owner_id", Kind.TEXT, "The user or queue that owns it.", "k.owner_id"),
            Column("owner", Kind.TEXT, names.SAYS_OWNER, names.OWNER),
            Column(
                "cases",
                Kind.WHOLE,
                "Cases that it is attached to, by the org's own count; empty where the org does"
                " not tell.",
                "k.article_case_attach_count",
            ),
            Column("created_date", Kind.INSTANT, "When this version was begun.", "k.created_date"),
            Column(
                "last_published_date", Kind.INSTANT, "When last published.", "k.last_published_date"
            ),
            Column(
                "next_review_date", Kind.INSTANT, "When to look at it again.", "k.next_review_date"
            ),
            Column(
                "days_waiting",
                Kind.WHOLE,
                "Of a draft: days since it was begun; of what is online: since it was published.",
                f"CASE WHEN k.publish_status = 'Draft' THEN {d.days('k.created_date', d.now)}"
                f" ELSE {d.days('k.last_published_date', d.now)} END",
            ),
            Column(
                "needs",
                Kind.TEXT,
                "publishing: a draft waits; review: its day has come, or it has none and was not"
                f" published for {REVIEWED_WITHIN} days; empty: nothing.",
                "CASE WHEN k.publish_status = 'Draft' THEN 'publishing'"
                f" WHEN coalesce(k.next_review_date <= {d.now},"
                f" k.last_published_date < {d.ago(REVIEWED_WITHIN)}) THEN 'review' END",
            ),
        ),
        body=f"""FROM knowledge_articles k {names.owner("k")}
WHERE k.deleted_at IS NULL AND k.publish_status IN ('Draft', 'Online')""",
    )
