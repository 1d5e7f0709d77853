"""Knowledge: the article that stays, and the versions that come and go."""

from emulator.schema.case import LANGUAGES
from emulator.schema.field import (
    area,
    auto_number,
    boolean,
    each,
    integer,
    moment,
    pick,
    reference,
    sync_key,
    text,
)
from emulator.schema.sobject import SObject


def _of_article(column: str) -> str:
    """Read a count that all versions of an article share; it moves no stamp of theirs."""
    article = "FROM Knowledge__ka a WHERE a.Id = {t}.KnowledgeArticleId"
    return f"(SELECT a.{column} {article})"


KNOWLEDGE_KAV = SObject(
    "Knowledge__kav",
    "ka0",
    (
        reference("KnowledgeArticleId", "", "Knowledge__ka", children="Versions"),
        text("Title", "cu", name_field=True, id_lookup=True),
        text("UrlName", "cu", unique=True, id_lookup=True, case_sensitive=True),
        area("Summary", length=1000),
        pick("Language", "c", LANGUAGES, 40, default="en_US"),
        *each(boolean, "IsVisibleInPkb IsVisibleInCsp IsVisibleInPrm"),
        boolean("IsVisibleInApp", "", default=True),
        reference("RecordTypeId"),
        pick("PublishStatus", "", "Draft|Online|Archived", 40, default="Draft"),
        pick("ValidationStatus", "", "Not Validated|Validated", 40, default="Not Validated"),
        integer("VersionNumber", "", filterable=False),
        *each(boolean, "IsLatestVersion IsMasterLanguage IsOutOfDate", ""),
        reference("MasterVersionId", "n", "Knowledge__kav"),
        reference("SourceId", "n", "Case"),
        *each(reference, "ArticleCreatedById ArticleArchivedById", "n", "User"),
        *each(reference, "ArchivedById AssignedToId AssignedById", "n", "User"),
        reference("OwnerId", "", "User"),
        auto_number("ArticleNumber", "{:09d}"),
        pick("ArticleMasterLanguage", "n", LANGUAGES, 40),
        pick("ArticleType", "n", "Knowledge__kav", 40),
        *each(moment, "FirstPublishedDate LastPublishedDate ArchivedDate ArticleCreatedDate", "n"),
        *each(moment, "ArticleArchivedDate AssignmentDate AssignmentDueDate NextReviewDate", "n"),
        area("AssignmentNote", "n", 1000),
        integer("ArticleCaseAttachCount", "n", expression=_of_article("CaseAssociationCount")),
        integer("ArticleTotalViewCount", "n", expression=_of_article("TotalViewCount")),
        text("ExternalRef", "n"),
        text("ExternalUrl", "n"),
        boolean("IsExternalData", ""),
        text("MigratedToFromArticleVersion", "n", 18),
        area("Answer__c", length=131072, html=True),
        sync_key(),
    ),
    label="Knowledge",
    plural="Knowledge",
)

KNOWLEDGE_KA = SObject(
    "Knowledge__ka",
    "kA0",
    (
        text("ArticleNumber", "", 30, name_field=True),
        pick("MasterLanguage", "", LANGUAGES, 40),
        *each(integer, "CaseAssociationCount TotalViewCount", "n"),
        *each(moment, "FirstPublishedDate LastPublishedDate ArchivedDate", "n"),
        reference("ArchivedById", "n", "User"),
    ),
    allows="",
    label="Knowledge Article",
)
