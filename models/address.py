"""Addresses by their parts: the compound fields are read-only and unknown to Bulk."""

from sqlmodel import SQLModel

from models.columns import number, picklist, text


class Address(SQLModel):
    """An address without a prefix."""

    street: str | None = text()
    city: str | None = text()
    state: str | None = text()
    state_code: str | None = picklist()
    postal_code: str | None = text()
    country: str | None = text()
    country_code: str | None = picklist()
    latitude: float | None = number()
    longitude: float | None = number()
    geocode_accuracy: str | None = picklist()


class BillingAddress(SQLModel):
    """Where the bill goes."""

    billing_street: str | None = text()
    billing_city: str | None = text()
    billing_state: str | None = text()
    billing_state_code: str | None = picklist()
    billing_postal_code: str | None = text()
    billing_country: str | None = text()
    billing_country_code: str | None = picklist()
    billing_latitude: float | None = number()
    billing_longitude: float | None = number()
    billing_geocode_accuracy: str | None = picklist()


class ShippingAddress(SQLModel):
    """Where the goods go."""

    shipping_street: str | None = text()
    shipping_city: str | None = text()
    shipping_state: str | None = text()
    shipping_state_code: str | None = picklist()
    shipping_postal_code: str | None = text()
    shipping_country: str | None = text()
    shipping_country_code: str | None = picklist()
    shipping_latitude: float | None = number()
    shipping_longitude: float | None = number()
    shipping_geocode_accuracy: str | None = picklist()


class MailingAddress(SQLModel):
    """Where a person gets letters."""

    mailing_street: str | None = text()
    mailing_city: str | None = text()
    mailing_state: str | None = text()
    mailing_state_code: str | None = picklist()
    mailing_postal_code: str | None = text()
    mailing_country: str | None = text()
    mailing_country_code: str | None = picklist()
    mailing_latitude: float | None = number()
    mailing_longitude: float | None = number()
    mailing_geocode_accuracy: str | None = picklist()


class OtherAddress(SQLModel):
    """Where else a person may be found."""

    other_street: str | None = text()
    other_city: str | None = text()
    other_state: str | None = text()
    other_state_code: str | None = picklist()
    other_postal_code: str | None = text()
    other_country: str | None = text()
    other_country_code: str | None = picklist()
    other_latitude: float | None = number()
    other_longitude: float | None = number()
    other_geocode_accuracy: str | None = picklist()
