"""SQL put together from names of the schema; a value never becomes part of it, it is bound."""


def statement(*parts: str) -> str:
    return " ".join(part for part in parts if part)
