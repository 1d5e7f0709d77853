"""Knowledge: the article that stays, and the versions that come and go."""

from emulator.schema.case import LANGUAGES
from emulator.schema.field import (
    Field,
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
from emulator.statement import statement


def _count(name: str, of: str) -> Field:
    """Declare what the article counts for all its versions; their stamps stay where they are."""
    where = 'WHERE "Id" = {t}."KnowledgeArticleId"'
    counted = statement("(SELECT", f'"{of}" FROM "Knowledge__ka"', where, ")")
    return integer(name, "n", expression=counted, reads="Knowledge__ka")


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
        _count("ArticleCaseAttachCount", of="CaseAssociationCount"),
        _count("ArticleTotalViewCount", of="TotalViewCount"),
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
