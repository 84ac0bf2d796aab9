"""Redaction as a function: total, bounded, JSON-ready, and telling what it did."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runstore.fence.credential_names import KEY_ANCHORS, is_secret_key
from runstore.fence.redaction import TEXT_LIMIT, TOO_DEEP, TOO_LARGE, WITHHELD, redact, scrub_json, scrub_text
from runstore.fence.secret_patterns import RULES
from tests.support.examples import examples

ANCHORS = [rule.anchor.decode() for rule in RULES] + [anchor.decode() for anchor in KEY_ANCHORS]
PIECES = st.sampled_from(
    [*ANCHORS, "=", ": ", '"', "'", "\\", "<", ">", " ", "\n", "eyJ", "-----BEGIN ", "-----END ", "a1B2"]
)
HOSTILE = st.lists(st.one_of(PIECES, st.text(max_size=12)), max_size=60).map("".join)


@given(HOSTILE)
@example("パスワードgcntfy-$2geheim md5 00?A¡¡")
@settings(max_examples=examples(100), derandomize=True, deadline=None)
def test_any_text_is_scrubbed_to_one_that_scrubs_to_itself(text: str) -> None:
    once = scrub_text(text)
    assert scrub_text(once) == once
    once.encode("utf-8")
    assert "\0" not in once and "\x1b" not in once and "\u202e" not in once


@given(st.lists(PIECES, min_size=1, max_size=6).map("".join))
@settings(max_examples=25, deadline=None)
def test_a_megabyte_of_any_repeated_pattern_stays_within_its_time(piece: str) -> None:
    text = (piece * (1_000_000 // len(piece) + 1))[:1_000_000]
    started = time.process_time()
    scrub_text(text)
    # Ten times what it takes on a quiet machine; quadratic behaviour would take minutes. The benchmark has the figure.
    assert time.process_time() - started < 1.0


@given(
    st.recursive(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(),
            st.text(),
            st.binary(),
            st.uuids(),
            st.datetimes(),
            st.decimals(),
        ),
        lambda inner: st.one_of(
            st.lists(inner),
            st.dictionaries(st.one_of(st.text(), st.integers(), st.none()), inner),
            st.tuples(inner, inner),
        ),
        max_leaves=30,
    )
)
def test_anything_becomes_json(value: Any) -> None:
    orjson.dumps(scrub_json(value))


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a\0b", "ab"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x", "x"),
        ("x\u202ey\u2066z", "xyz"),
        ("line\r\nnext\rlast\tend", "line\nnext\nlast\tend"),
        ("\ud800", "?"),
        ("\u0085a\u009bb", "ab"),
        ("👩\u200d💻 می\u200cخواهم", "👩\u200d💻 می\u200cخواهم"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
    ],
)
def test_control_escape_bidi_and_invisible_characters_go(text: str, clean: str) -> None:
    assert scrub_text(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "passwordRequired = true",
        "password = required",
        "password: $env:SECRET",
        "password={{ password }}",
        "token=****",
        "<password></password>",
        "secret:v1:0123456789abcdef0123456789abcdef",
        "clientSecret=[redacted:assigned]",
    ],
)
def test_settings_words_and_placeholders_stay(text: str) -> None:
    assert scrub_text(text) == text


@pytest.mark.parametrize(
    "key",
    ["clientSecret", "db_password", "AccountKey", "x-api-key", "preSharedKey", "enrollmentToken", "PWD", "API_KEY2"],
)
def test_keys_that_name_a_credential(key: str) -> None:
    assert is_secret_key(key)
    assert scrub_json({key: "plain"}) == {key: "[redacted:credential]"}


@pytest.mark.parametrize(
    "key",
    [
        "passwordRequiredType",
        "passwordMinimumLength",
        "secretReferenceValueId",
        "tokenType",
        "key",
        "skipToken",
        "monkey",
    ],
)
def test_keys_that_do_not(key: str) -> None:
    assert scrub_json({key: "plain"}) == {key: "plain"}


def test_everything_below_a_secret_key_goes() -> None:
    scrubbed = scrub_json({"clientSecret": [{"value": "a"}, "b", 1234567, True, None]})
    assert scrubbed == {
        "clientSecret": [
            {"value": "[redacted:credential]"},
            "[redacted:credential]",
            "[redacted:credential]",
            True,
            None,
        ]
    }


def test_values_of_python_become_json() -> None:
    class Colour(Enum):
        RED = "red"

    number = uuid.uuid4()
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    assert scrub_json(
        {
            "id": number,
            "at": moment,
            "d": Decimal("1.5"),
            "c": Colour.RED,
            "s": {"b", "a"},
            "n": float("nan"),
            "big": 2**70,
        }
    ) == {
        "id": str(number),
        "at": moment.isoformat(),
        "d": "1.5",
        "c": "red",
        "s": ["a", "b"],
        "n": None,
        "big": str(2**70),
    }
    assert scrub_json({"raw": b"password", "other": object()}) == {"raw": "[bytes]", "other": "[object]"}


def test_depth_and_size_are_bounded() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    assert TOO_DEEP in repr(scrub_json(deep))
    assert scrub_json(["x" * 100] * 100, limit=1000)[-1] == TOO_LARGE
    endless: dict[str, Any] = {}
    endless["again"] = endless
    assert TOO_DEEP in repr(scrub_json(endless))
    assert len(scrub_text("word " * 1_000_000)) <= TEXT_LIMIT + 10


def test_a_cut_leaves_no_half_of_a_secret() -> None:
    token = "gh" + "p_" + "a1B2c3D4e5" * 4
    for limit in range(60, 140):
        assert "a1B2c3" not in scrub_text(f"{'x ' * 40}{token} tail", limit=limit)


def test_a_text_of_nothing_but_suspicion_is_withheld() -> None:
    assert scrub_text("password='x" * 40_000) == WITHHELD


def test_keys_that_become_equal_keep_both_values() -> None:
    assert list(scrub_json({"a\0": 1, "a": 2}).values()) == [1, 2]


def test_a_mapping_that_raises_is_named_and_not_shown() -> None:
    class Broken(Mapping[str, str]):
        def __getitem__(self, key: str) -> str:
            raise RuntimeError("no")

        def __iter__(self) -> Iterator[str]:
            return iter(["x"])

        def __len__(self) -> int:
            return 1

    assert scrub_json({"x": Broken()}) == {"x": "[Broken]"}


def test_the_kinds_found_are_told() -> None:
    assert redact("AK" + "IA" + "A" * 16 + " and password=Zx81kl").kinds == ("aws-key-id", "assigned")


@pytest.mark.parametrize(
    "text",
    [
        "password=$Zx81kl#p",
        "password={Zx81kl",
        "password=(Zx81kl",
        "password=%Zx81kl",
        "[redacted:Zx81klQw3rT9yU2pA5sD8fG1hJ4kL7zX0]",
    ],
)
def test_what_only_looks_like_a_placeholder_is_a_secret(text: str) -> None:
    assert "Zx81kl" not in scrub_text(text)


@pytest.mark.parametrize("head", ["User,{}", "{};User;Note", "| User | {} |", "Id\t{}\tNote"])
@pytest.mark.parametrize("name", ["Password", "Initial password", "Kennwort", "PIN"])
@pytest.mark.parametrize("line", ["\n", "\\n"])
def test_the_column_of_a_table_that_a_name_stands_over_is_taken_out(head: str, name: str, line: str) -> None:
    value = "48213" if name == "PIN" else "Tiger3559"
    first = head.format(name)
    rows = [head.replace("User", "ada").replace("Note", "ok").format(value) for _ in range(3)]
    shown = scrub_text(line.join([first, *rows, "total, 3"]))
    assert value not in shown
    assert shown.startswith(first) and shown.endswith("total, 3")
