"""Describe answers, reduced to what we use; they decode from Salesforce's JSON and back to it.

Source: REST API Developer Guide, "sObject Describe"; "DescribeSObjectResult" in the SOAP guide.
Keys that are missing count as false, empty or null; the four verbs of an object count as allowed,
since the org itself refuses what is not.
"""

from datetime import datetime

import msgspec


class PicklistValue(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One entry of a picklist; `value` is what the API speaks."""

    value: str
    label: str | None = None
    active: bool = True
    default_value: bool = False


class FieldDescribe(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What one field is, as far as this user may see it."""

    name: str
    type: str
    label: str = ""
    length: int = 0
    byte_length: int = 0
    digits: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = False
    createable: bool = False
    updateable: bool = False
    defaulted_on_create: bool = False
    calculated: bool = False
    auto_number: bool = False
    unique: bool = False
    case_sensitive: bool = False
    external_id: bool = False
    id_lookup: bool = False
    name_field: bool = False
    filterable: bool = False
    sortable: bool = False
    groupable: bool = False
    html_formatted: bool = False
    encrypted: bool = False
    custom: bool = False
    deprecated_and_hidden: bool = False
    picklist_values: tuple[PicklistValue, ...] = ()
    restricted_picklist: bool = False
    dependent_picklist: bool = False
    controller_name: str | None = None
    reference_to: tuple[str, ...] = ()
    relationship_name: str | None = None
    polymorphic_foreign_key: bool = False
    cascade_delete: bool = False
    compound_field_name: str | None = None

    @property
    def required_on_create(self) -> bool:
        return self.createable and not self.nillable and not self.defaulted_on_create


class SObjectSummary(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One object in the org's list."""

    name: str
    label: str = ""
    label_plural: str = ""
    key_prefix: str | None = None
    queryable: bool = True
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    undeletable: bool = False
    replicateable: bool = False
    retrieveable: bool = False
    searchable: bool = False
    mergeable: bool = False
    triggerable: bool = False
    custom: bool = False
    custom_setting: bool = False
    deprecated_and_hidden: bool = False


class Describe(SObjectSummary, frozen=True, rename="camel", omit_defaults=True):
    """One object with its fields; `as_of` is the server's time, for the next `modified_since`."""

    fields: tuple[FieldDescribe, ...] = ()
    as_of: datetime | None = None

    def field(self, name: str) -> FieldDescribe | None:
        """Find a field by its API name, which Salesforce compares without regard to case."""
        wanted = name.lower()
        return next((field for field in self.fields if field.name.lower() == wanted), None)


class DescribeGlobal(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Every object this user may see."""

    sobjects: tuple[SObjectSummary, ...]
    max_batch_size: int = 200
    as_of: datetime | None = None
