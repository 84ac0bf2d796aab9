"""Text made safe to store, print and render: no NUL, control, escape, bidi or invisible characters.

The work is done on UTF-8 bytes because `bytes.translate` costs a few milliseconds a megabyte whatever the text holds,
where a pass that looks at every character of a hostile text costs a hundred.
"""

from __future__ import annotations

import re
from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_ESCAPE_LIMIT: Final = 10_000
_INVISIBLE_LIMIT: Final = 20_000
_ESCAPES: Final = re.compile(
    rb"\x1b(?:\[[0-?]{0,32}[ -/]{0,8}[@-~]|[\]PX^_][^\x07\x1b]{0,256}(?:\x07|\x1b\\)|[ -/]{0,4}[0-~])"
)

_DROPPED_CONTROLS: Final = bytes(code for code in (*range(0x20), 0x7F) if code not in b"\t\n\r")
_CONTROL_TABLE: Final = bytes.maketrans(b"\r", b"\n")

# What is dropped, by the first byte of its UTF-8 form: a text without that byte costs one memchr and no more.
_INVISIBLE: Final[tuple[tuple[bytes, re.Pattern[bytes]], ...]] = (
    # C1 controls and the soft hyphen.
    (b"\xc2", re.compile(rb"(?:\xc2[\x80-\x9f\xad])+")),
    # Arabic letter mark and Mongolian vowel separator.
    (b"\xd8", re.compile(rb"\xd8\x9c")),
    (b"\xe1", re.compile(rb"\xe1\xa0\x8e")),
    # Zero-width space, direction marks, line separators, embeddings and overrides, word joiner to deprecated formats.
    (
        b"\xe2",
        re.compile(
            rb"\xe2(?:\x80[\x8b\x8e\x8f\xa8-\xae]|\x81[\xa0-\xaf])(?:\xe2(?:\x80[\x8b\x8e\x8f\xa8-\xae]|\x81[\xa0-\xaf]))*"
        ),
    ),
    # Byte order mark and interlinear annotation.
    (b"\xef", re.compile(rb"(?:\xef\xbb\xbf|\xef\xbf[\xb9-\xbb])+")),
    # Zero-width joiners inside of ASCII.
    (b"\xe2", re.compile(rb"\xe2\x80[\x8c\x8d](?<=[!-~]...)(?:\xe2\x80[\x8c\x8d])*(?=[!-~])", re.DOTALL)),
)


def to_safe_bytes(text: str) -> bytes:
    """The UTF-8 bytes of `text` without control, escape, bidi and invisible characters; line ends become `\\n`.

    Tabs and newlines stay. A lone surrogate, which neither PostgreSQL nor JSON can hold, becomes `?`. The zero-width
    joiner and non-joiner stay outside ASCII: Persian, Hindi and emoji need them; inside ASCII they only serve to hide.
    """
    data = text.encode("utf-8", "replace")
    if b"\x1b" in data and data.count(b"\x1b") <= _ESCAPE_LIMIT:
        data = _ESCAPES.sub(b"", data)
    data = data.replace(b"\r\n", b"\n").translate(_CONTROL_TABLE, _DROPPED_CONTROLS)
    if data.isascii():
        return data
    for lead, members in _INVISIBLE:
        if lead in data:
            data, dropped = members.subn(b"", data, count=_INVISIBLE_LIMIT)
            if dropped == _INVISIBLE_LIMIT:
                # Nobody writes so many by accident; what is left of such a text is its ASCII.
                return data.decode("utf-8", "replace").encode("ascii", "replace")
    return data


def formula_safe(value: object) -> str:
    """The value as a cell that no spreadsheet takes for a formula: such a text gets an apostrophe before it. No NUL."""
    text = "" if value is None else str(value).replace("\x00", "")
    return f"'{text}" if text.startswith(_FORMULA) else text
