"""Names joined in: whose Ids records bear, and what these are called."""

OWNER = "coalesce(u.name, q.name)"
"""The owner's name, beside `owner`: a user owns, or a queue."""
SAYS_OWNER = "The name of the user or queue that owns it."
KIND = "y.name"
"""What a milestone is called, beside `kind`."""
TERRITORY = "coalesce(t.name, w.service_territory_id)"
"""Where work is done, beside `territory("w")`."""
SAYS_TERRITORY = "The territory's name; its Id, if the store does not know the name."


def owner(alias: str) -> str:
    """Join the owner of a record."""
    return (
        f"\nLEFT JOIN users u ON u.id = {alias}.owner_id AND u.deleted_at IS NULL"
        f"\nLEFT JOIN groups q ON q.id = {alias}.owner_id AND q.deleted_at IS NULL"
    )


def account(alias: str) -> str:
    """Join the customer of a record, as a."""
    return f"\nLEFT JOIN accounts a ON a.id = {alias}.account_id AND a.deleted_at IS NULL"


def kind(alias: str) -> str:
    """Join the type of a milestone."""
    return (
        f"\nLEFT JOIN milestone_types y ON y.id = {alias}.milestone_type_id"
        " AND y.deleted_at IS NULL"
    )


def owner_of(record_id: str) -> str:
    """Look up one owner's name by itself: of a long list, for the rows that are shown alone."""
    return f"coalesce({_looked_up('users', record_id)}, {_looked_up('groups', record_id)})"


def account_of(record_id: str) -> str:
    """Look up one customer's name in the same way."""
    return _looked_up("accounts", record_id)


def territory(alias: str) -> str:
    """Join the territory of work, which only orgs with Field Service have."""
    return (
        f"\nLEFT JOIN service_territories t ON t.id = {alias}.service_territory_id"
        " AND t.deleted_at IS NULL"
    )


def _looked_up(table: str, record_id: str) -> str:
    return f"(SELECT n.name FROM {table} n WHERE n.id = {record_id} AND n.deleted_at IS NULL)"
