"""The only values that may enter a failure's message: each field has a name, a shape and a bound.

A failure is read by tenants and kept for years, so nothing a remote party wrote may flow into it as free text. A
template names fields; a field is admitted when it has the shape its name promises and is replaced by a fixed word
when it has not. Nothing here raises, whatever it is given: a failure about a failure would hide the first one.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from runstore.fence.redaction import scrub_text

UNKNOWN: Final = "unknown"
"""What a reader sees for a field that was absent."""

INVALID: Final = "(not shown)"
"""What a reader sees for a field whose value had not the shape of its name."""

ITEM_ID_LIMIT: Final = 200
FILE_NAME_LIMIT: Final = 160

Cleaner = Callable[[object], str]


@dataclass(frozen=True, slots=True)
class FieldType:
    """A whitelisted field: what it holds (for the documentation) and what admits a value or replaces it."""

    name: str
    holds: str
    clean: Cleaner


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

    def clean(value: object) -> str:
        if isinstance(value, str) and compiled.fullmatch(value):
            return str.__str__(value)
        return INVALID

    return clean


def _uuid(value: object) -> str:
    text = value if isinstance(value, str) else _shown_uuid(value)
    return text.lower() if _UUID.fullmatch(text) else INVALID


def _shown_uuid(value: object) -> str:
    from uuid import UUID

    return str(value) if type(value) is UUID else ""


_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)


def _integer(low: int, high: int) -> Cleaner:
    def clean(value: object) -> str:
        # bool is an int to Python and never a count to a reader.
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            return INVALID
        return str(int(value))

    return clean


def _seconds(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return INVALID
    try:
        number = float(value)
    except OverflowError:
        return INVALID
    if not math.isfinite(number) or not 0 <= number <= 10**9:
        return INVALID
    return f"{number:.1f}".removesuffix(".0")


def _file_name(value: object) -> str:
    return plain_text(value, FILE_NAME_LIMIT) or UNKNOWN


_SLUG: Final = _matching(r"[a-z][a-z0-9_-]{0,63}")
_COUNT: Final = _integer(0, 10**12)

_TYPES: Final = (
    FieldType("http_status", "HTTP status, 100–599", _integer(100, 599)),
    FieldType(
        "graph_error_code",
        "error code of Microsoft Graph or Entra: words joined by `_`, `.` or `-`, digits only at the end",
        _matching(r"(?=.{1,60}\Z)[A-Za-z]+(?:[._-][A-Za-z]+)*[0-9]{0,8}"),
    ),
    FieldType("request_id", "request id, a UUID", _uuid),
    FieldType("run_id", "run id, a UUID", _uuid),
    FieldType("flow_run_id", "Prefect flow run id, a UUID", _uuid),
    FieldType("sync_id", "inventory sync id, a UUID", _uuid),
    FieldType(
        "policy_id", "policy id as Graph writes it, up to 128 characters", _matching(r"[A-Za-z0-9][\w.:-]{0,127}")
    ),
    FieldType("policy_type", "policy type slug", _SLUG),
    FieldType(
        "directory_id",
        "Entra directory id, or a domain of it",
        _matching(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|[a-z0-9][a-z0-9.-]{2,252}"),
    ),
    FieldType("platform", "platform slug", _matching(r"[A-Za-z][A-Za-z0-9_,]{0,63}")),
    FieldType(
        "setting_id",
        "settingDefinitionId or property name, up to 300 characters",
        _matching(r"[A-Za-z@][\w.~{}@-]{0,299}"),
    ),
    FieldType(
        "setting_name", "environment variable of ours", _matching(r"TENANTATLAS_[A-Z_]{1,60}|AZURE_[A-Z_]{1,60}")
    ),
    FieldType("tool", "name of a tool that writes exports", _matching(r"[A-Za-z][A-Za-z0-9]{1,39}")),
    FieldType("file_name", f"file name, one cleaned line of up to {FILE_NAME_LIMIT} characters", _file_name),
    FieldType(
        "class_name",
        "class of an exception",
        _matching(r"[A-Za-z_][A-Za-z0-9_]{0,79}(?:\.[A-Za-z_][A-Za-z0-9_]{0,79}){0,5}"),
    ),
    FieldType(
        "correlation_id",
        "twelve hexadecimal digits that find the story in the worker's log",
        _matching(r"[0-9a-f]{12}"),
    ),
    FieldType(
        "permission",
        "Graph permission such as `Policy.Read.All`",
        _matching(r"[A-Za-z]{2,60}(?:\.[A-Za-z]{2,40}){1,4}"),
    ),
    FieldType(
        "operation", "operation type, `resource.action`", _matching(r"[a-z][a-z0-9_]{0,39}\.[a-z][a-z0-9_]{0,39}")
    ),
    FieldType("state", "name of a Prefect state", _matching(r"[A-Za-z]{2,24}")),
    FieldType("count", "a count", _COUNT),
    FieldType("expected", "an expected count", _COUNT),
    FieldType("limit", "a limit", _COUNT),
    FieldType("size", "a size in bytes", _COUNT),
    FieldType("line", "line number", _COUNT),
    FieldType("column", "column number", _COUNT),
    FieldType("position", "byte position", _COUNT),
    FieldType("attempts", "how often it was tried", _COUNT),
    FieldType("seconds", "seconds", _seconds),
)

FIELDS: Final[Mapping[str, FieldType]] = MappingProxyType({field.name: field for field in _TYPES})


def clean_field(name: str, value: object) -> str:
    """The text a template may show for one field: `unknown` when None, `(not shown)` when it has not the shape.

    Never raises, also for objects whose own methods raise.
    """
    field = FIELDS.get(name)
    if field is None:
        return INVALID
    if value is None:
        return UNKNOWN
    try:
        return field.clean(value)
    except Exception:
        # A str or int subclass may bring methods that raise; its value is worth less than the failure it describes.
        return INVALID


def clean_item_id(value: object) -> str:
    """An item id fit to be stored: one cleaned line of 1 to 200 characters; `unknown` when nothing is left."""
    try:
        shown = _shown_uuid(value) or value
        cleaned = plain_text(shown, ITEM_ID_LIMIT)
    except Exception:
        return UNKNOWN
    return cleaned or UNKNOWN
