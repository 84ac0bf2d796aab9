"""Failures: always one that can be built, never anything in it that was not whitelisted."""

from __future__ import annotations

import pickle
import re
import string
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstore.errors import StoreUnavailableError
from runstore.fence.reason_fields import FIELDS, INVALID, ITEM_ID_LIMIT, UNKNOWN, clean_field
from runstore.reasons import (
    CONTACT_LOST,
    CORE_REASONS,
    INTERNAL_ERROR,
    MESSAGE_LIMIT,
    RUN_ITEM,
    STORE_UNREACHABLE,
    Catalogue,
    CatalogueError,
    Fixer,
    ReasonCode,
    ReasonedError,
    failure_of,
)


class Hostile(str):
    """A text whose every method raises."""

    def _raise(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("no")

    __getitem__ = __len__ = __iter__ = encode = lower = __format__ = __str__ = __repr__ = _raise


class HostileNumber(int):
    def _raise(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("no")

    __le__ = __ge__ = __lt__ = __gt__ = __int__ = __index__ = __str__ = __float__ = _raise


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.text(alphabet=st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF)),
    st.binary(),
    st.uuids(),
    st.lists(st.text()),
    st.dictionaries(st.text(), st.integers()),
    st.builds(object),
    st.builds(Hostile, st.text()),
    st.builds(HostileNumber, st.integers()),
    st.integers().map(lambda n: 10 ** min(abs(n), 400)),
)
EVERY_FIELD = ReasonCode("every_field", "All of them.", "None.", " ".join(f"{{{name}}}" for name in FIELDS))


@given(
    st.sampled_from([*CORE_REASONS, EVERY_FIELD]),
    ANYTHING,
    st.dictionaries(st.sampled_from([*FIELDS, "other"]), ANYTHING),
)
def test_no_input_makes_building_a_failure_raise(
    reason: ReasonCode, item_id: object, fields: dict[str, object]
) -> None:
    failure = reason.failure(item_id, **fields)
    assert failure.reason_code == reason.code
    assert 1 <= len(failure.item_id) <= ITEM_ID_LIMIT
    assert 1 <= len(failure.message) <= MESSAGE_LIMIT
    for text in (failure.item_id, failure.message):
        text.encode("utf-8")
        assert text.isprintable(), text


@given(
    st.text(min_size=1), st.dictionaries(st.sampled_from([name for name in FIELDS if name != "file_name"]), st.text())
)
def test_free_text_never_enters_a_message(text: str, fields: dict[str, str]) -> None:
    said = f"<b>{text}</b> & \u202e"
    message = EVERY_FIELD.failure("x", **dict.fromkeys(fields, said)).message
    assert "<b>" not in message and "&" not in message


@given(st.builds(type, st.just("Some"), st.just((Exception,)), st.just({})) | st.just(KeyError), st.text())
def test_an_unknown_exception_leaves_its_class_and_a_correlation_id(kind: type[Exception], text: str) -> None:
    said = f"zq{text}"
    failure, correlation_id = failure_of(kind(said), "item")
    assert correlation_id is not None
    assert failure.reason_code == "internal_error"
    assert kind.__name__ in failure.message and correlation_id in failure.message
    assert said not in failure.message
    assert re.fullmatch("[0-9a-f]{12}", correlation_id)


def test_an_exception_class_with_a_strange_name_is_not_shown() -> None:
    failure, _ = failure_of(type("a b<script>", (Exception,), {})("x"))
    assert INVALID in failure.message and "<" not in failure.message


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("http_status", 429, "429"),
        ("http_status", True, INVALID),
        ("http_status", 42, INVALID),
        ("http_status", "429", INVALID),
        ("graph_error_code", "Request_ResourceNotFound", "Request_ResourceNotFound"),
        ("graph_error_code", "AADSTS7000215", "AADSTS7000215"),
        ("graph_error_code", "the tenant contoso said no", INVALID),
        ("graph_error_code", "a1B2c3D4e5F6g7H8", INVALID),
        ("request_id", "3F2504E0-4F89-11D3-9A0C-0305E82C3301", "3f2504e0-4f89-11d3-9a0c-0305e82c3301"),
        ("request_id", UUID(int=0), str(UUID(int=0))),
        ("request_id", "3f2504e0", INVALID),
        ("policy_id", "T_3f2504e0-4f89-11d3-9a0c-0305e82c3301", "T_3f2504e0-4f89-11d3-9a0c-0305e82c3301"),
        ("policy_id", "a b", INVALID),
        ("seconds", 1.25, "1.2"),
        ("seconds", float("nan"), INVALID),
        ("seconds", 90, "90"),
        ("count", -1, INVALID),
        ("permission", "DeviceManagementConfiguration.Read.All", "DeviceManagementConfiguration.Read.All"),
        ("file_name", "a/b\x1b[31m\u202e.json", "a/b.json"),
        ("file_name", "", UNKNOWN),
        ("class_name", "ValueError", "ValueError"),
        ("count", None, UNKNOWN),
        ("no_such_field", "x", INVALID),
    ],
)
def test_fields_take_only_their_own_shape(field: str, value: object, shown: str) -> None:
    assert clean_field(field, value) == shown


def test_a_long_file_name_keeps_both_ends() -> None:
    shown = clean_field("file_name", "start-" + "long name " * 40 + "-end.json")
    assert shown.startswith("start-") and shown.endswith("-end.json") and len(shown) <= 160


def test_secrets_in_names_are_scrubbed() -> None:
    token = "gh" + "p_" + "a1B2c3D4e5" * 4
    assert token[6:] not in clean_field("file_name", f"{token}.json")
    assert token[6:] not in CONTACT_LOST.failure(f"{'x ' * 90}{token}").item_id


@pytest.mark.parametrize(
    "change",
    [
        {"code": "Not A Code"},
        {"code": ""},
        {"meaning": " "},
        {"next_step": ""},
        {"template": ""},
        {"template": "It said {body}."},
        {"template": "{count!r}"},
        {"template": "{count:>10}"},
        {"template": "{0}"},
    ],
)
def test_an_undocumented_or_loose_reason_cannot_be_declared(change: dict[str, str]) -> None:
    entry = {"code": "some_code", "meaning": "m", "next_step": "n", "template": "t"} | change
    with pytest.raises(CatalogueError):
        ReasonCode(retryable=False, who=Fixer.OPERATOR, **entry)


def test_a_code_declared_twice_fails_loudly() -> None:
    with pytest.raises(CatalogueError, match="contact_lost is declared twice"):
        Catalogue(CORE_REASONS, [CONTACT_LOST])


def test_the_catalogue_finds_and_lists_its_codes() -> None:
    catalogue = Catalogue.core()
    assert catalogue.get("contact_lost") is CONTACT_LOST
    assert catalogue.get("gone_with_its_producer") is None
    assert list(catalogue) == sorted(reason.code for reason in CORE_REASONS)
    assert "internal_error" in catalogue and len(catalogue) == len(CORE_REASONS)


def test_exceptions_with_a_reason_keep_it() -> None:
    failure = CONTACT_LOST.failure(seconds=30)
    assert failure_of(ReasonedError(failure)) == (failure, None)
    assert failure_of(ReasonedError(failure), "item")[0].item_id == "item"
    assert failure_of(StoreUnavailableError())[0].reason_code == STORE_UNREACHABLE.code
    assert failure_of(ValueError("x"))[0].reason_code == INTERNAL_ERROR.code
    assert failure_of(ValueError("x"))[0].item_id == RUN_ITEM
    assert str(ReasonedError(failure)) == failure.message
    assert pickle.loads(pickle.dumps(ReasonedError(failure))).failure == failure


def test_templates_are_sentences() -> None:
    for reason in CORE_REASONS:
        message = reason.failure(str(uuid4())).message
        assert message[0] in string.ascii_uppercase and message.endswith("."), reason.code
