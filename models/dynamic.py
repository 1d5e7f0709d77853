"""sObjects that no file describes: a class made at run time, with the system columns alone."""

import re
from functools import cache
from typing import cast

from sqlalchemy import MetaData
from sqlmodel import SQLModel
from sqlmodel.main import SQLModelMetaclass

from models.naming import table_name
from models.sobject import SObject

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*[A-Za-z0-9]")


class AnySObject(SObject):
    """The base of them: all that their describe shows arrives as added columns."""


@cache
def make(sobject: str) -> type[SObject]:
    """Make the class of an sObject; its table is known to no migration, the pull creates it.

    Raises `LookupError` for what can be no API name.
    """
    if not _NAME.fullmatch(sobject):
        raise LookupError(f"{sobject!r} is not the API name of an sObject")
    table = table_name(sobject, SQLModel.metadata.tables)
    # Tables of our own metadata are what migrations compare with; this one is not theirs.
    body = {
        "__module__": __name__,
        "__tablename__": table,
        "__doc__": f"{sobject}, as its describe shows it.",
        "metadata": MetaData(),
        "sobject": sobject,
    }
    return cast("type[SObject]", SQLModelMetaclass(sobject, (AnySObject,), body, table=True))


def is_dynamic(model: type[SObject]) -> bool:
    return issubclass(model, AnySObject)
