"""Service contracts with their lines, and contracts."""

from emulator.schema.entitlement import STATUS_BY_DATE
from emulator.schema.field import (
    address,
    area,
    auto_number,
    day,
    double,
    each,
    integer,
    moment,
    money,
    percent,
    pick,
    reference,
    sync_key,
    text,
)
from emulator.schema.sobject import SObject

_STATUSES = "Inactive|Active|Expired"

SERVICE_CONTRACT = SObject(
    "ServiceContract",
    "810",
    (
        text("Name", "cu", name_field=True),
        reference("OwnerId", "cu", "User Group", default_picked=True),
        reference("AccountId", children="ServiceContracts"),
        reference("ContactId", children="ServiceContracts"),
        reference("Pricebook2Id"),
        reference(
            "ParentServiceContractId", to="ServiceContract", children="ChildServiceContracts"
        ),
        reference("RootServiceContractId", "n", "ServiceContract"),
        auto_number("ContractNumber", "{:08d}"),
        *each(day, "StartDate EndDate"),
        moment("ActivationDate"),
        integer("Term"),
        pick("ApprovalStatus", values="Draft|In Approval Process|Activated", length=40),
        pick("Status", "n", _STATUSES, expression=STATUS_BY_DATE),
        *each(area, "Description SpecialTerms"),
        *each(money, "ShippingHandling Tax"),
        *each(money, "Subtotal TotalPrice GrandTotal", "n"),
        percent("Discount", "n"),
        integer("LineItemCount", "n"),
        *address("Billing"),
        *address("Shipping"),
        sync_key(),
    ),
)

CONTRACT_LINE_ITEM = SObject(
    "ContractLineItem",
    "811",
    (
        reference("ServiceContractId", "c", cascade=True, children="ContractLineItems"),
        reference("PricebookEntryId", "cu"),
        reference("Product2Id", "n", children="ContractLineItems"),
        reference("RootContractLineItemId", "n", "ContractLineItem"),
        reference("AssetId", children="ContractLineItems"),
        reference(
            "ParentContractLineItemId", to="ContractLineItem", children="ChildContractLineItems"
        ),
        double("Quantity", "cu", 12, 2),
        money("UnitPrice", "cu"),
        percent("Discount"),
        *each(day, "StartDate EndDate"),
        area("Description"),
        *each(money, "ListPrice Subtotal TotalPrice", "n"),
        auto_number("LineItemNumber", "{:08d}", 255, name_field=True),
        pick("Status", "n", _STATUSES, expression=STATUS_BY_DATE),
        sync_key(),
    ),
)

CONTRACT = SObject(
    "Contract",
    "800",
    (
        reference("AccountId", "cu", restrict=True, children="Contracts"),
        pick("Status", "cu", "Draft|In Approval Process|Activated", default="Draft", length=40),
        pick("StatusCode", "", "Draft|InApproval|Activated", 40, default="Draft"),
        reference("OwnerId", "cu", "User", default_picked=True),
        day("StartDate"),
        integer("ContractTerm"),
        pick("OwnerExpirationNotice", values="15|30|45|60|90|120", length=40),
        reference("Pricebook2Id"),
        area("SpecialTerms", length=4000),
        area("Description"),
        day("EndDate", "n"),
        reference("CompanySignedId", to="User"),
        day("CompanySignedDate"),
        reference("CustomerSignedId", to="Contact", children="ContractsSigned"),
        day("CustomerSignedDate"),
        text("CustomerSignedTitle", length=40),
        reference("ActivatedById", "nu", "User"),
        moment("ActivatedDate", "nu"),
        auto_number("ContractNumber", "{:08d}", name_field=True),
        moment("LastApprovedDate", "n"),
        day("LastActivityDate", "n"),
        *address("Billing"),
        sync_key(),
    ),
    allows="create update",
)
