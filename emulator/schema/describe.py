"""Describe answers: every key that Salesforce sends for an object and a field (REST v67)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.schema.field import NUMBER_TYPES, TEXT_TYPES

if TYPE_CHECKING:
    from emulator.schema.field import Field
    from emulator.schema.registry import Registry
    from emulator.schema.sobject import SObject

_SOAP = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "time": "xsd:time",
    "address": "urn:address",
    "anyType": "xsd:anyType",
} | dict.fromkeys(("double", "currency", "percent"), "xsd:double")
_BYTES_PER_CHAR = 3
_INT_DIGITS = 8
_NOTHING = dict.fromkeys(
    [
        "calculatedFormula",
        "controllerName",
        "defaultValueFormula",
        "extraTypeInfo",
        "filteredLookupInfo",
        "inlineHelpText",
        "mask",
        "maskType",
        "referenceTargetField",
        "relationshipOrder",
    ]
)
_NEVER = dict.fromkeys(
    [
        "dependentPicklist",
        "deprecatedAndHidden",
        "displayLocationInDecimal",
        "encrypted",
        "formulaTreatNullNumberAsZero",
        "highScaleNumber",
        "queryByDistance",
        "writeRequiresMasterRead",
        "aiPredictionField",
    ],
    False,
)


def describe_field(field: Field) -> dict[str, Any]:
    """Expand one field to the keys of a describe answer."""
    return _NOTHING | _NEVER | _identity(field) | _shape(field) | _abilities(field)


def _identity(field: Field) -> dict[str, Any]:
    polymorphic = len(field.to) > 1
    return {
        "name": field.name,
        "label": field.label,
        "type": field.type,
        "soapType": _SOAP.get(field.type, "xsd:string"),
        "custom": field.custom,
        "nameField": field.name_field,
        "namePointing": polymorphic,
        "polymorphicForeignKey": polymorphic,
        "referenceTo": list(field.to),
        "relationshipName": field.relationship,
        "compoundFieldName": field.compound,
        "picklistValues": [_picklist_value(field, value) for value in field.values],
        "restrictedPicklist": field.restricted,
        "defaultValue": _default(field),
    }


def _shape(field: Field) -> dict[str, Any]:
    is_int = field.type == "int"
    is_text = field.type in TEXT_TYPES
    return {
        "length": field.length,
        "byteLength": field.length * _BYTES_PER_CHAR if is_text else field.length,
        "digits": _INT_DIGITS if is_int else 0,
        "precision": field.precision,
        "scale": field.scale,
        "htmlFormatted": field.html,
        "caseSensitive": field.case_sensitive,
    }


def _abilities(field: Field) -> dict[str, Any]:
    compound = field.type == "address"
    groups = field.can_filter and field.type not in {"datetime", *NUMBER_TYPES} | {"multipicklist"}
    return {
        "aggregatable": field.can_filter and not compound and field.type != "boolean",
        "autoNumber": bool(field.number_format),
        # A status that follows the calendar is not flagged, which has surprised many.
        "calculated": bool(field.expression) and field.custom,
        "cascadeDelete": field.cascade,
        "createable": field.createable,
        "defaultedOnCreate": field.defaulted,
        "externalId": field.external_id,
        "filterable": field.can_filter,
        "groupable": groups or field.type == "int",
        "idLookup": field.id_lookup,
        "nillable": field.nillable,
        "permissionable": field.custom or (field.nillable and field.updateable),
        "restrictedDelete": field.restrict,
        "searchPrefilterable": field.type in {"reference", "boolean"},
        "sortable": field.can_filter and field.type != "multipicklist",
        "unique": field.unique,
        "updateable": field.updateable,
    }


def _picklist_value(field: Field, value: str) -> dict[str, Any]:
    return {
        "active": True,
        "defaultValue": value == field.default,
        "label": value,
        "validFor": None,
        "value": value,
    }


def _default(field: Field) -> bool | None:
    return bool(field.default) if field.type == "boolean" else None


def describe_flags(sobject: SObject, base: str) -> dict[str, Any]:
    """Return the entry of describe global; the full describe begins with the same keys."""
    path = f"{base}/sobjects/{sobject.name}"
    no = "customSetting deprecatedAndHidden hasSubtypes isInterface isSubtype activateable"
    return dict.fromkeys(no.split(), False) | {
        "associateEntityType": None,
        "associateParentEntity": None,
        "createable": sobject.can("create"),
        "custom": sobject.name.endswith("__c"),
        "deepCloneable": False,
        "deletable": sobject.can("delete"),
        "feedEnabled": sobject.can("delete"),
        "keyPrefix": sobject.prefix,
        "label": sobject.title,
        "labelPlural": sobject.titles,
        "layoutable": sobject.can("create"),
        "mergeable": sobject.name in {"Account", "Case", "Contact"},
        "mruEnabled": sobject.can("create"),
        "name": sobject.name,
        "queryable": True,
        "replicateable": True,
        "retrieveable": True,
        "searchable": sobject.searchable,
        "triggerable": sobject.can("create"),
        "undeletable": sobject.has_bin and sobject.can("delete"),
        "updateable": sobject.can("update"),
        "urls": {
            "sobject": path,
            "describe": f"{path}/describe",
            "rowTemplate": f"{path}/{{ID}}",
        },
    }


def describe_sobject(
    sobject: SObject, registry: Registry, base: str, record_types: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the full describe of one object."""
    return describe_flags(sobject, base) | {
        "actionOverrides": [],
        "childRelationships": [
            _child(child.name, field)
            for child, field in registry.children(sobject.name)
            if registry.has(child.name)
        ],
        "compactLayoutable": sobject.can("create"),
        "defaultImplementation": None,
        "extendedBy": None,
        "extendsInterfaces": None,
        "fields": [describe_field(field) for field in sobject.fields.values()],
        "implementedBy": None,
        "implementsInterfaces": None,
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": record_types,
        "searchLayoutable": sobject.searchable,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [{"label": f"All {sobject.titles}", "name": "everything"}],
    }


def _child(child: str, field: Field) -> dict[str, Any]:
    return {
        "cascadeDelete": field.cascade,
        "childSObject": child,
        "deprecatedAndHidden": False,
        "field": field.name,
        "junctionIdListNames": [],
        "junctionReferenceTo": [],
        "relationshipName": field.children,
        "restrictedDelete": field.restrict,
    }
