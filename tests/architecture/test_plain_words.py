"""Phrases that a native speaker would not write, and that must not come back in what people read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PHRASES = (
    r"\bmend(s|ed|ing)?\b",
    r"\banew\b",
    r"\bwhoever\b",
    r"(?<!there )\b(is|are) no (?!longer\b|more\b)[a-z]+",
    r"\bkeeps it not\b",
    r"\bnobody of ours\b",
    r"\bbears\b",
    r"\btold (as|of)\b",
)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "monitoring_app" / "texts.py"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_people_read_is_in_plain_words(page: Path) -> None:
    said = " ".join(page.read_text().split())
    found = [match.group(0) for phrase in PHRASES for match in re.finditer(phrase, said, re.IGNORECASE)]
    assert found == [], "say it as an engineer would say it to a colleague"
