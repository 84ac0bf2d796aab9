"""Forms of tokens that their vendors publish, as a table: a prefix and what follows it, or a vendor's name before a key.

`token_forms.tsv` has a row a form: kind, prefix, body, the fewest characters of the body, and the vendor's page. A body is of
small letters and digits of hexadecimal (`h`), a GUID's (`g`), capitals and digits (`u`), letters and digits (`a`), those
with `_` and `-` (`w`), with a dot as well (`.`), with `=` as well (`=`), or base64 (`b`). The body `name` says that the
vendor's keys have no prefix: the word is then looked for in the name that a hexadecimal text or a GUID is given to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

_BODIES: Final = {
    "h": rb"[0-9a-f]",
    "g": rb"[0-9a-fA-F-]",
    "u": rb"[A-Z0-9-]",
    "a": rb"[A-Za-z0-9]",
    "w": rb"[A-Za-z0-9_-]",
    ".": rb"[A-Za-z0-9_.-]",
    "=": rb"[A-Za-z0-9_.=~+/-]",
    "b": rb"[A-Za-z0-9+/=_-]",
}
NAMED: Final = "name"


@dataclass(frozen=True, slots=True)
class TokenForm:
    """One row of the table."""

    kind: str
    prefix: str
    body: str
    least: int
    source: str

    @property
    def is_certain(self) -> bool:
        """Whether no words of anybody look so: hexadecimal text behind a prefix, capitals and digits behind capitals."""
        return self.body in "hg" or (self.body == "u" and self.prefix.isupper() and self.prefix.isalnum())


@cache
def token_forms() -> tuple[TokenForm, ...]:
    """The table."""
    text = files("runstore.fence").joinpath("token_forms.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return tuple(TokenForm(kind, prefix, body, int(least), source) for kind, prefix, body, least, source in rows)


Prefixed = tuple[bytes, re.Pattern[bytes], TokenForm]


def _by_start() -> dict[bytes, list[Prefixed]]:
    # One expression a body: hundreds would cost every process a twentieth of a second at its start.
    runs = {body: re.compile(characters + b"*") for body, characters in _BODIES.items()}
    found: dict[bytes, list[Prefixed]] = {}
    # The longer prefix first: it names the kind better.
    for form in sorted(token_forms(), key=lambda form: -len(form.prefix)):
        if form.body != NAMED:
            literal = form.prefix.encode()
            found.setdefault(literal[:2], []).append((literal, runs[form.body], form))
    return found


BY_START: Final = _by_start()
"""The forms with a prefix, by its first two bytes."""

VENDORS: Final = {form.prefix.encode(): form.kind for form in token_forms() if form.body == NAMED}
"""Vendors' names in small letters, and the kind of key that is given to them."""

_OF_KEYS: Final = (b"key", b"secret", b"token", b"passphrase", b"password")
_SIGN: Final = b" \t\n\"'`\\=:>,|?("
_NO_NAME: Final = bytes(code if bytes((code,)).isalnum() or code in b"_-. " else ord("\n") for code in range(256))


def vendor_before(data: bytes, start: int) -> str | None:
    """The kind of key that the name says which the text at `start` is given to.

    `None` without a sign, or without a vendor or a word for keys in the name.
    """
    before = data[max(0, start - 48) : start]
    name = before.rstrip(_SIGN)
    if not before[len(name) :].strip(b" \t\n\"'`\\"):
        return None
    words = name.translate(_NO_NAME).rpartition(b"\n")[2][-32:].lower()
    if words.rstrip(b" _.-").endswith(_OF_KEYS):
        return "assigned"
    # Before most ids stands `id` or less, and no vendor's name is so short.
    return _vendor_in(words) if len(words.rpartition(b" ")[2]) > 2 else None


@lru_cache(maxsize=5000)
def _vendor_in(name: bytes) -> str | None:
    for position in range(len(name) - 2):
        for vendor in _VENDORS_BY_START.get(name[position : position + 3], ()):
            if name.startswith(vendor, position):
                return VENDORS[vendor]
    return None


_VENDORS_BY_START: Final[dict[bytes, list[bytes]]] = {}
for _vendor in VENDORS:
    _VENDORS_BY_START.setdefault(_vendor[:3], []).append(_vendor)
