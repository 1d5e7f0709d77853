"""Those a case is for: accounts, contacts, their assets, and what was sold."""

from emulator.schema.field import (
    address,
    area,
    boolean,
    day,
    double,
    each,
    email,
    integer,
    moment,
    money,
    phone,
    pick,
    reference,
    sync_key,
    text,
    url,
)
from emulator.schema.sobject import SObject

INDUSTRIES = "Banking|Construction|Education|Energy|Healthcare|Insurance|Manufacturing|Retail"

ACCOUNT = SObject(
    "Account",
    "001",
    (
        text("Name", "cu", name_field=True),
        pick("Type", values="Customer|Partner|Prospect|Other"),
        reference("ParentId", to="Account", children="ChildAccounts"),
        *each(phone, "Phone Fax"),
        text("AccountNumber", length=40),
        url("Website"),
        pick("Industry", values=INDUSTRIES),
        money("AnnualRevenue", precision=18, scale=0),
        integer("NumberOfEmployees"),
        pick("Ownership", values="Public|Private|Subsidiary|Other"),
        pick("Rating", values="Hot|Warm|Cold"),
        text("Site", length=80),
        area("Description"),
        reference("OwnerId", "cu", "User", default_picked=True),
        pick("AccountSource", values="Web|Phone Inquiry|Partner Referral|Other"),
        *address("Billing"),
        *address("Shipping"),
        reference("MasterRecordId", "n", "Account"),
        url("PhotoUrl", "n"),
        day("LastActivityDate", "n"),
        sync_key(),
    ),
)

_FULL_NAME = "trim(coalesce({t}.FirstName || ' ', '') || {t}.LastName)"

CONTACT = SObject(
    "Contact",
    "003",
    (
        text("LastName", "cu", 80),
        text("FirstName", length=40),
        pick("Salutation", values="Mr.|Ms.|Mrs.|Dr.|Prof.|Mx.", length=40),
        text("Name", "", 121, expression=_FULL_NAME, name_field=True),
        reference("AccountId", cascade=True, children="Contacts"),
        reference("ReportsToId", to="Contact"),
        email("Email", id_lookup=True),
        *each(phone, "Phone MobilePhone HomePhone OtherPhone Fax"),
        text("Title", length=128),
        text("Department", length=80),
        pick("LeadSource", values="Web|Phone Inquiry|Partner Referral|Other"),
        day("Birthdate"),
        area("Description"),
        reference("OwnerId", "cu", "User", default_picked=True),
        *address("Mailing"),
        *address("Other"),
        text("EmailBouncedReason"),
        moment("EmailBouncedDate"),
        boolean("IsEmailBounced", ""),
        reference("MasterRecordId", "n", "Contact"),
        url("PhotoUrl", "n"),
        sync_key(),
    ),
)

ASSET = SObject(
    "Asset",
    "02i",
    (
        text("Name", "cu", name_field=True),
        reference("AccountId", children="Assets"),
        reference("ContactId", children="Assets"),
        reference("ParentId", to="Asset", children="ChildAssets"),
        reference("Product2Id", children="Assets"),
        text("SerialNumber", length=80),
        *each(day, "InstallDate PurchaseDate UsageEndDate"),
        pick("Status", values="Purchased|Shipped|Installed|Registered|Obsolete", length=40),
        money("Price"),
        double("Quantity", precision=12),
        area("Description"),
        reference("OwnerId", "cu", "User", default_picked=True),
        reference("AssetProvidedById", to="Account", children="ProvidedAssets"),
        reference("AssetServicedById", to="Account", children="ServicedAssets"),
        *each(boolean, "IsInternal IsCompetitorProduct"),
        *address(),
        reference("RootAssetId", "n", "Asset"),
        integer("AssetLevel", "n"),
        text("ProductCode", "n"),
        sync_key(),
    ),
)

PRODUCT2 = SObject(
    "Product2",
    "01t",
    (
        text("Name", "cu", name_field=True),
        text("ProductCode"),
        area("Description", length=4000),
        boolean("IsActive"),
        pick("Family", values="Hardware|Software|Service"),
        text("ExternalId", id_lookup=True),
        url("DisplayUrl", length=1000),
        pick("QuantityUnitOfMeasure", values="Each|Hour|Month"),
        text("StockKeepingUnit", length=180),
        boolean("IsArchived", ""),
        sync_key(),
    ),
    allows="create update",
    label="Product",
)

PRICEBOOK2 = SObject(
    "Pricebook2",
    "01s",
    (
        text("Name", "cu", name_field=True),
        area("Description", length=255),
        boolean("IsActive"),
        boolean("IsStandard", ""),
    ),
    allows="create update",
    label="Price Book",
)

PRICEBOOK_ENTRY = SObject(
    "PricebookEntry",
    "01u",
    (
        text("Name", "", name_field=True),
        reference("Pricebook2Id", "c", children="PricebookEntries"),
        reference("Product2Id", "c", children="PricebookEntries"),
        money("UnitPrice", "cu"),
        *each(boolean, "IsActive UseStandardPrice"),
    ),
    allows="create update",
    label="Price Book Entry",
    plural="Price Book Entries",
)
