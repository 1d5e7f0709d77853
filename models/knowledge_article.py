"""Knowledge__kav, one version of an article in one language (key prefix ka0)."""

from datetime import datetime
from typing import ClassVar

from models.columns import flag, instant, picklist, reference, text, whole
from models.sobject import Writable


class KnowledgeArticle(Writable, table=True):
    """A version of an article: at most one draft and one online in each language."""

    __tablename__ = "knowledge_articles"
    sobject: ClassVar[str] = "Knowledge__kav"
    # A query on articles must name PublishStatus (or Id); this names all three.
    where: ClassVar[str | None] = "PublishStatus IN ('Draft', 'Online', 'Archived')"
    computed: ClassVar[frozenset[str]] = frozenset(
        {"ArticleCaseAttachCount", "ArticleTotalViewCount"}
    )
    history: ClassVar[frozenset[str]] = frozenset({"OwnerId", "PublishStatus", "ValidationStatus"})

    record_type_id: str | None = reference("RecordType")
    currency_iso_code: str | None = picklist()
    knowledge_article_id: str | None = reference("KnowledgeArticle")
    article_number: str | None = text()
    version_number: int | None = whole()
    title: str | None = text()
    url_name: str | None = text()
    summary: str | None = text()
    language: str | None = picklist()
    article_master_language: str | None = picklist()
    article_type: str | None = picklist()
    master_version_id: str | None = reference("Knowledge__kav")
    source_id: str | None = reference("Case")
    owner_id: str | None = reference("User", "Group")
    publish_status: str | None = picklist()
    validation_status: str | None = picklist()
    is_latest_version: bool | None = flag()
    is_master_language: bool | None = flag()
    is_out_of_date: bool | None = flag()
    is_visible_in_app: bool | None = flag()
    is_visible_in_pkb: bool | None = flag()
    is_visible_in_csp: bool | None = flag()
    is_visible_in_prm: bool | None = flag()
    is_external_data: bool | None = flag()
    external_ref: str | None = text()
    external_url: str | None = text()
    migrated_to_from_article_version: str | None = text()
    article_case_attach_count: int | None = whole()
    article_total_view_count: int | None = whole()
    article_created_by_id: str | None = reference("User")
    article_created_date: datetime | None = instant()
    article_archived_by_id: str | None = reference("User")
    article_archived_date: datetime | None = instant()
    first_published_date: datetime | None = instant()
    last_published_date: datetime | None = instant()
    archived_by_id: str | None = reference("User")
    archived_date: datetime | None = instant()
    next_review_date: datetime | None = instant()
    assigned_to_id: str | None = reference("User", "Group")
    assigned_by_id: str | None = reference("User")
    assignment_date: datetime | None = instant()
    assignment_due_date: datetime | None = instant()
    assignment_note: str | None = text()
    translation_completed_date: datetime | None = instant()
    translation_exported_date: datetime | None = instant()
    translation_imported_date: datetime | None = instant()
