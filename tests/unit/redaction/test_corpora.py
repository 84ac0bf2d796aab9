"""What redaction must find and what it must leave alone, on made-up corpora of both."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from runstore.fence.redaction import scrub_json, scrub_text
from tests.support.harmless_corpus import harmless
from tests.support.secret_corpus import KINDS, Sample, corpus

SAMPLES = corpus(seed=20261123, per_kind=8)


def _leaks(sample: Sample, text: str) -> list[str]:
    return [needle for needle in sample.needles if needle in text]


def test_the_corpus_is_as_large_as_it_has_to_be() -> None:
    assert len(KINDS) >= 40
    assert len(SAMPLES) >= 300
    assert corpus(seed=1)[0] == corpus(seed=1)[0]
    assert corpus(seed=1)[0] != corpus(seed=2)[0]


@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "cannot read {} from the file",
        "ValueError('{}')",
        "a\n{}\nb",
        '"{}"',
        "<p>{}</p>",
        "日本語 {} です",
        "exports/{}.json",
        "x={}",
    ],
)
def test_no_secret_survives_in_a_text(around: str) -> None:
    leaked = Counter(sample.kind for sample in SAMPLES if _leaks(sample, scrub_text(around.replace("{}", sample.text))))
    assert not leaked


def test_no_secret_survives_in_json_at_any_depth_nor_in_keys() -> None:
    for sample in SAMPLES:
        value: object = {"texts": [sample.text], sample.text: 1}
        for level in range(20):
            value = {"level": level, "inner": [value]}
        assert not _leaks(sample, json.dumps(scrub_json(value), ensure_ascii=False)), sample.kind


def test_no_secret_survives_hidden_by_invisible_characters() -> None:
    for sample in SAMPLES:
        split = "\u200b".join((sample.text[:5], sample.text[5:9], sample.text[9:]))
        scrubbed = scrub_text(split)
        assert not _leaks(sample, scrubbed.replace("\u200b", "")), sample.kind


def test_scrubbing_twice_changes_nothing() -> None:
    for sample in SAMPLES:
        once = scrub_text(sample.text)
        assert scrub_text(once) == once, sample.kind


def test_ten_thousand_harmless_texts_pass_unharmed() -> None:
    harmed = [(category, text) for category, text in harmless(seed=7, count=10_000) if scrub_text(text) != text]
    assert len(harmed) <= 10, harmed[:20]
