"""Each requirement of the specification has a number of its own and names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEST = re.compile(r"(?m)^(?:async )?def (test_\w+)\(")


def rows() -> list[tuple[str, str, list[str]]]:
    """Number, requirement and the tests named, of every row."""
    found = re.findall(r"(?m)^\| (FR-\S+) \| (.+?) \| (.+?) \|$", (ROOT / "docs" / "specification.md").read_text())
    return [(number, words, re.findall(r"`([^`]+)`", proof)) for number, words, proof in found]


def test_numbers_are_used_once() -> None:
    numbers = [number for number, _, _ in rows()]
    assert len(numbers) > 60
    assert len(set(numbers)) == len(numbers)
    assert all(re.fullmatch(r"FR-\d{3}", number) for number in numbers)


def test_every_requirement_names_tests_that_exist() -> None:
    known = {name for path in (ROOT / "tests").rglob("test_*.py") for name in TEST.findall(path.read_text())}
    missing = {number: [name for name in named if name not in known] for number, _, named in rows()}
    assert {number: names for number, names in missing.items() if names} == {}
    assert [number for number, _, named in rows() if not named] == []
