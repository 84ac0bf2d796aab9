"""Texts that Graph carries in base64: scripts, profiles, rules."""

import base64
import binascii


def decoded(value: str) -> str:
    """The text a base64 property holds; the value itself where it is not base64, or not text.

    A byte-order mark decides between UTF-8 and UTF-16, without one every second byte being zero does; line ends stay as they
    are, since a script may depend on them.
    """
    try:
        # Some exporters break the lines.
        data = base64.b64decode("".join(value.split()) if "\n" in value else value, validate=True)
    except (binascii.Error, ValueError):
        return value
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    if len(data) > 1 and len(data) % 2 == 0 and b"\x00" not in data[:64:2] and not data[1:64:2].strip(b"\x00"):
        encoding = "utf-16-le"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return value
    return value if "\x00" in text else text


def decoded_document(value: str) -> str:
    """The markup or the lines of script that a value holds in base64; the value itself where it is anything else.

    For values that may as well be a word or a key: only what reads as a document is taken for one.
    """
    if len(value) < _SHORTEST or " " in value:
        return value
    text = decoded(value)
    if text == value:
        return value
    stripped = text.strip()
    return text if stripped.startswith(("<", "#!")) or "\n" in stripped else value


_SHORTEST = 16
