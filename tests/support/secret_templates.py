"""Secrets as vendors and people write them, a row a kind in `secret_templates.tsv`: a text with places where values are made up.

`⟨a20⟩` is twenty characters of the alphabet `a`, and a secret; `‹h2›` is no secret. `⟨s16:x⟩` stands there as HTML writes it,
`:j` as JSON, `:u` as an address, `:6` and `:6w` in base64 of UTF-8 and UTF-16.
"""

from __future__ import annotations

import base64
import html
import json
import random
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote

from tests.support.secret_corpus import (
    ALNUM,
    BASE32,
    BASE64,
    DIGITS,
    HEX,
    LOWER,
    UPPER,
    URLSAFE,
    Made,
    Maker,
    mixed,
    some,
)

_ALPHABETS: Final = {
    "a": ALNUM, "b": URLSAFE, "B": BASE64, "d": DIGITS, "h": HEX, "H": HEX.upper(), "l": LOWER + DIGITS, "L": LOWER,
    "M": LOWER + UPPER, "r": LOWER + DIGITS, "t": BASE32, "u": UPPER + DIGITS, "U": UPPER, "c": "BCDFGHJKMPQRTVWXY2346789",
}  # fmt: skip
_SIGNS: Final = {
    "s": "!@#$%^&*",
    "S": "!#$%&()*+,-./:;<=>?@[]^_{|}~",
    "q": "!#$%&*+-?@^_~",
    "y": "-_.!~*",
    "z": "._~-",
    "5": "!#$%*+?@^~",
}
_WORDS: Final = (
    "Sommer", "Winter", "Garden", "Orange", "Dragon", "Berlin", "Kaffee", "Tisch", "Falcon", "River", "Stone", "Tokyo",
    "Lucky", "Madrid", "Silver",
)  # fmt: skip
_PLACE: Final = re.compile(r"([⟨‹])(\w)(\d*)(?::(\w+))?[⟩›]")
_WRITTEN: Final[dict[str | None, Callable[[str], str]]] = {
    None: lambda text: text,
    "x": html.escape,
    "j": lambda text: json.dumps(text)[1:-1],
    "u": lambda text: quote(text, safe=""),
    "6": lambda text: base64.b64encode(text.encode()).decode(),
    "6w": lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
}


def _value(r: random.Random, kind: str, size: int) -> str:
    words = r.choices(_WORDS, k=size or 4)
    if kind in _SIGNS:
        return mixed(r, size, _SIGNS[kind])
    match kind:
        case "w":
            return f"{words[0]}{r.choice(('', '-', '_'))}{words[1]}{r.randrange(10, 9999)}{r.choice('!?#$&')}"
        case "W":
            return f"{words[0]}{r.randrange(1000, 9999)}{words[1]}"
        case "N":
            return f"{words[0]}{words[1]}{r.randrange(2100, 9999)}"
        case "i":
            return ",".join(str(r.randrange(256)) for _ in range(size))
        case "k":
            return r.choice(
                (
                    f"{words[0]}{r.choice('!?#$&+*')}{r.randrange(1000, 9999)}{words[1][:3]}",
                    f"{r.choice('!?#$&+*')}{words[0]}_{words[1]}{r.randrange(1000, 9999)}",
                    f"{words[0][:4]}{r.randrange(100, 9999)}{words[1]}{r.choice('!?#$&+*')}{r.randrange(10)}",
                )
            )
        case "n":
            return f"{r.randrange(10000):04d}-{r.randrange(10000):04d}"
        case "x":
            return "-".join([*words, str(r.randrange(10, 99)) + "!"])
        case "X":
            return " ".join(words).lower()
        case "g":
            return str(uuid.UUID(int=r.getrandbits(128), version=4))
        case "m":
            return "\n".join(some(r, BASE64, 64) for _ in range(size or 4))
        case "v":
            return base64.b64encode(f"svc{some(r, LOWER, 4)}:{mixed(r, size or 12)}".encode()).decode()
        case "j":
            head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
            return f"{head}.{some(r, URLSAFE, 60)}.{some(r, URLSAFE, 43)}"
        case _:
            return some(r, _ALPHABETS[kind], size)


def _maker(template: str) -> Maker:
    def make(r: random.Random) -> Made:
        needles: list[str] = []

        def put(place: re.Match[str]) -> str:
            value = _value(r, place[2], int(place[3] or 0))
            written = _WRITTEN[place[4]](value)
            longest = max(value.split("\n"), key=len)
            if place[1] == "⟨" and len(longest) >= 8:
                needles.extend(dict.fromkeys((longest, written if written != value else longest)))
            return written

        return _PLACE.sub(put, template), tuple(needles)

    return make


def _read(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: {"n": "\n", "t": "\t"}.get(match[1], match[1]), text)


TEMPLATES: Final[dict[str, Maker]] = {
    name: _maker(_read(template))
    for name, _, template in (
        line.partition("\t") for line in Path(__file__).with_suffix(".tsv").read_text(encoding="utf-8").splitlines()[1:]
    )
}
