"""The only values that may enter a failure's message: each field has a name, a shape and a bound.

A failure is read by tenants and kept for years, so nothing a remote party wrote may flow into it as free text. A
template names fields; a field is admitted when it has the shape its name promises and is replaced by a fixed word
when it has not. Nothing here raises, whatever it is given: a failure about a failure would hide the first one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final
from uuid import UUID

from runstore.fence.redaction import scrub_text

UNKNOWN: Final = "unknown"
"""What a reader sees for a field that was absent."""

INVALID: Final = "(not shown)"
"""What a reader sees for a field whose value had not the shape of its name."""

ITEM_ID_LIMIT: Final = 200
FILE_NAME_LIMIT: Final = 160

Cleaner = Callable[[object], str]


def plain_text(value: object, limit: int) -> str:
    """One scrubbed line of at most `limit` characters that no terminal, page or database column is surprised by.

    Control characters, lone surrogates, bidirectional overrides and other invisible format characters become spaces or
    vanish; runs of white space become one space; a text that is too long loses its middle, since file names differ at
    both ends. Anything but a string yields `(not shown)`.
    """
    if not isinstance(value, str):
        return INVALID
    # Bounded before it is looked at: the cost must not follow the length of a hostile text.
    # Scrubbed before it is cut, since half a secret is still one.
    text = scrub_text(str.__str__(value[: limit * 8]))
    kept = "".join(_visible(character) for character in text)
    line = " ".join(kept.split())
    if len(line) > limit or len(value) > limit * 8:
        head = (limit - 1) // 2
        tail = limit - 1 - head
        line = f"{line[:head]}…{line[len(line) - tail :]}" if len(line) > limit else f"{line[: limit - 1]}…"
    return line


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category in {"Cc", "Zl", "Zp", "Zs"}:
        return " "
    # Cf holds the bidi controls and zero-width characters, Cs lone surrogates (PostgreSQL and JSON refuse them),
    # Co and Cn have no agreed glyph.
    return "" if category in {"Cf", "Cs", "Co", "Cn"} else character


def _matching(pattern: str) -> Cleaner:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: str.__str__(value) if isinstance(value, str) and compiled.fullmatch(value) else INVALID


def _uuid(value: object) -> str:
    text = str(value) if type(value) is UUID else value
    return text.lower() if isinstance(text, str) and re.fullmatch(_UUID, text, re.ASCII) else INVALID


def _integer(high: int, low: int = 0) -> Cleaner:
    def clean(value: object) -> str:
        # bool is an int to Python and never a count to a reader.
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return str(int(value))
        return INVALID

    return clean


def _seconds(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 10**9:
        return f"{float(value):.1f}".removesuffix(".0")
    return INVALID


def _file_name(value: object) -> str:
    return plain_text(value, FILE_NAME_LIMIT) or UNKNOWN


_UUID: Final = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_COUNT: Final = _integer(10**12)

FIELDS: Final[Mapping[str, tuple[str, Cleaner]]] = MappingProxyType(
    {
        "http_status": ("HTTP status, 100–599", _integer(599, 100)),
        "graph_error_code": (
            "error code of Microsoft Graph or Entra: words joined by `_`, `.` or `-`, digits only at the end",
            _matching(r"(?=.{1,60}\Z)[A-Za-z]+(?:[._-][A-Za-z]+)*[0-9]{0,8}"),
        ),
        "request_id": ("request id, a UUID", _uuid),
        "run_id": ("run id, a UUID", _uuid),
        "flow_run_id": ("Prefect flow run id, a UUID", _uuid),
        "sync_id": ("inventory sync id, a UUID", _uuid),
        "policy_id": ("policy id as Graph writes it, up to 128 characters", _matching(r"[A-Za-z0-9][\w.:-]{0,127}")),
        "policy_type": ("policy type slug", _matching(r"[a-z][a-z0-9_-]{0,63}")),
        "directory_id": ("Entra directory id, or a domain of it", _matching(_UUID + r"|[a-z0-9][a-z0-9.-]{2,252}")),
        "platform": ("platform slug", _matching(r"[A-Za-z][A-Za-z0-9_,]{0,63}")),
        "setting_id": (
            "settingDefinitionId or property name, up to 300 characters",
            _matching(r"[A-Za-z@][\w.~{}@-]{0,299}"),
        ),
        "setting_name": ("environment variable of ours", _matching(r"(?:TENANTATLAS|AZURE)_[A-Z_]{1,60}")),
        "tool": ("name of a tool that writes exports", _matching(r"[A-Za-z][A-Za-z0-9]{1,39}")),
        "file_name": (f"file name, one cleaned line of up to {FILE_NAME_LIMIT} characters", _file_name),
        "class_name": (
            "class of an exception",
            _matching(r"[A-Za-z_][A-Za-z0-9_]{0,79}(?:\.[A-Za-z_][A-Za-z0-9_]{0,79}){0,5}"),
        ),
        "correlation_id": (
            "twelve hexadecimal digits that find the story in the worker's log",
            _matching(r"[0-9a-f]{12}"),
        ),
        "permission": (
            "Graph permission such as `Policy.Read.All`",
            _matching(r"[A-Za-z]{2,60}(?:\.[A-Za-z]{2,40}){1,4}"),
        ),
        "operation": ("operation type, `resource.action`", _matching(r"[a-z][a-z0-9_]{0,39}\.[a-z][a-z0-9_]{0,39}")),
        "state": ("name of a Prefect state", _matching(r"[A-Za-z]{2,24}")),
        "count": ("a count", _COUNT),
        "expected": ("an expected count", _COUNT),
        "limit": ("a limit", _COUNT),
        "size": ("a size in bytes", _COUNT),
        "line": ("line number", _COUNT),
        "column": ("column number", _COUNT),
        "position": ("byte position", _COUNT),
        "attempts": ("how often it was tried", _COUNT),
        "seconds": ("seconds", _seconds),
    }
)
"""A field's name → what it holds, for the documentation, and what admits a value or replaces it."""


def clean_field(name: str, value: object) -> str:
    """The text a template may show for one field: `unknown` when None, `(not shown)` when it has not the shape.

    Never raises, also for objects whose own methods raise.
    """
    if name not in FIELDS or value is None:
        return INVALID if name not in FIELDS else UNKNOWN
    try:
        return FIELDS[name][1](value)
    except Exception:
        # A str subclass may bring methods that raise; its value is worth less than the failure it describes.
        return INVALID


def clean_item_id(value: object) -> str:
    """An item id fit to be stored: one cleaned line of 1 to 200 characters; `unknown` when nothing is left."""
    try:
        return plain_text(str(value) if type(value) is UUID else value, ITEM_ID_LIMIT) or UNKNOWN
    except Exception:
        return UNKNOWN
