"""Says which kinds of secret a newer public rule set has that the fence does not take out.

    python -m tests.newer_rules RULES.toml

`RULES.toml` is a file of `[[rules]]` with `id` and `regex`, as gitleaks and its successors keep theirs. Of each rule twenty texts
are made up and scrubbed. Nothing of a rule goes into our own table: a row is written from the vendor's documentation.
Ends with 1 when a kind is left, 2 when the file cannot be read.
"""

from __future__ import annotations

import random
import sys
import tomllib
from pathlib import Path
from typing import Any

from runstore.fence.redaction import scrub_text
from runstore.fence.token_forms import token_forms
from tests.newer_rules.samples import sample

TRIES = 20
SHORTEST = 8


def left_of(rule: dict[str, Any], chance: random.Random) -> int:
    """How many of the texts made up by a rule keep their secret. ValueError for a rule without a pattern that can be read."""
    left = 0
    for _ in range(TRIES):
        text, secret = sample(str(rule["regex"]), int(rule.get("secretGroup", 0)), chance)
        secret = secret.strip()
        left += len(secret) >= SHORTEST and secret in scrub_text(f"x {text} y")
    return left


def main(arguments: list[str]) -> int:
    """The command; gives its exit code."""
    try:
        rules: list[dict[str, Any]] = tomllib.loads(Path(arguments[0]).read_text(encoding="utf-8"))["rules"]
    except (IndexError, OSError, KeyError, tomllib.TOMLDecodeError) as problem:
        print(
            f"Give a file of rules: python -m tests.newer_rules RULES.toml ({type(problem).__name__}).", file=sys.stderr
        )
        return 2
    chance = random.Random(1)
    lacking: list[str] = []
    for rule in rules:
        if "regex" not in rule:
            continue
        try:
            left = left_of(rule, chance)
        except ValueError as problem:
            print(f"{rule['id']}: {problem}")
            continue
        if left:
            lacking.append(rule["id"])
            print(f"{rule['id']}: {left} of {TRIES} left")
    print(f"{len(rules)} rules, {len(lacking)} lacking; our table has {len(token_forms())} rows.")
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
