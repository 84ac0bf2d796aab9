"""Safe looks into JSON of unknown shape: an object or a list, empty where there is something else."""

import re
from collections.abc import Mapping
from typing import Any, Final, cast

GUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""The id of nearly everything in Microsoft Graph."""


def as_object(value: object) -> Mapping[str, Any]:
    """The value if it is an object; an empty one otherwise."""
    # Most are plain dictionaries, and asking for those is several times as fast as asking for any mapping.
    return cast(Mapping[str, Any], value) if isinstance(value, (dict, Mapping)) else {}


def as_dict(value: object) -> dict[str, Any]:
    """The value if it is an object that may be written to; a new empty one otherwise."""
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """The value if it is a list; an empty one otherwise."""
    return cast(list[Any], value) if isinstance(value, list) else []


def as_text(value: object) -> str:
    """The value if it is a text; an empty one otherwise."""
    return value if isinstance(value, str) else ""
