"""Every view of the list is a link, and whatever is in an address, reading it never fails."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_app.operations.address import REFRESH_CHOICES, ROW_CHOICES, ListAddress, Period
from monitoring_app.web.addresses import query_of, safe_next, with_tenant
from runstore.errors import BadInputError
from runstore.runs.filters import Cursor, RunFilter
from runstore.runs.operation import OperationType
from runstore.runs.status import StatusBucket
from tests.support.examples import examples

MOMENTS = st.datetimes(
    min_value=datetime(1971, 1, 1),  # noqa: DTZ001
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC)
)  # fmt: skip
WORDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp", "Cf", "Co", "Cn")), min_size=1, max_size=40
)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)


@st.composite
def addresses(draw: st.DrawFn) -> ListAddress:
    when = draw(st.sampled_from(["open", "period", "between", "at"]))
    since, until = sorted([draw(MOMENTS), draw(MOMENTS)])
    return ListAddress(
        type=draw(st.none() | st.builds(OperationType, NAMES, NAMES)),
        buckets=draw(st.frozensets(st.sampled_from(StatusBucket))),
        period=draw(st.sampled_from(list(Period))) if when == "period" else None,
        since=since if when == "between" else None,
        until=draw(st.just(until) | st.none()) if when == "between" else None,
        at=draw(MOMENTS) if when == "at" else None,
        created=draw(st.none() | st.just((since, until))) if since < until else None,
        initiator=draw(st.none() | WORDS),
        search=draw(st.none() | WORDS),
        cursor=draw(st.none() | st.builds(Cursor, MOMENTS, st.uuids(), st.booleans())),
        rows=draw(st.sampled_from(ROW_CHOICES)),
        refresh=draw(st.sampled_from(REFRESH_CHOICES)),
        scope=draw(st.none() | WORDS),
        reason=draw(st.none() | WORDS),
        needs_attention=draw(st.booleans()),
        longest=draw(st.booleans()),
    )


@given(addresses())
@settings(max_examples=examples(100))
def test_reading_an_address_gives_back_the_view_it_was_written_for(address: ListAddress) -> None:
    assert ListAddress.from_params(address.to_params()) == (address, ())


@given(addresses())
def test_dropping_one_filter_leaves_every_other_one(address: ListAddress) -> None:
    full = address.to_params()
    for _, _, without in address.filters():
        left = without.to_params()
        assert "cursor" not in left
        gone = {name for name in full if name not in left} - {"cursor"}
        assert len(gone) == 1
        assert left == {name: value for name, value in full.items() if name not in gone | {"cursor"}}


FIELDS = st.sampled_from(
    ["type", "bucket", "range", "since", "until", "at", "created", "by", "q", "sort", "cursor", "rows", "x"]
)
HOSTILE = st.text(max_size=60) | st.sampled_from(
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "\x00", "' OR 1=1 --", "-1", "1e9", "NaN", "\ud800",
     "W10", "{}", "[]", "eyJ", "%00", "=cmd|' /C calc'!A0", ":material/x:", "$\\int$", "💥" * 30]
)  # fmt: skip


@given(st.dictionaries(FIELDS, HOSTILE))
@settings(max_examples=examples(300), deadline=None)
def test_no_address_breaks_the_reading_of_it(params: dict[str, str]) -> None:
    address, ignored = ListAddress.from_params(params)
    assert set(ignored) <= set(params)
    again, nothing = ListAddress.from_params(address.to_params())
    assert again == address and nothing == ()
    address.filter(datetime(2026, 3, 1, tzinfo=UTC))


@given(addresses())
def test_the_question_is_the_one_of_the_view(address: ListAddress) -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    created = address.created or (None, None)
    assert address.filter(now) == RunFilter(
        type=address.type, buckets=address.buckets, until=address.until, running_at=address.at, scope=address.scope,
        created_since=created[0], created_before=created[1], initiated_by=address.initiator, search=address.search,
        reason=address.reason, needs_attention=address.needs_attention,
        since=now - address.period.span if address.period else address.since,
    )  # fmt: skip


def test_a_moving_range_moves_with_the_clock() -> None:
    address, _ = ListAddress.from_params({"range": "24h"})
    now = datetime(2026, 3, 2, tzinfo=UTC)
    assert address.filter(now).since == now - timedelta(days=1)


@given(st.text(max_size=80))
def test_a_sign_in_never_leads_off_the_site(text: str) -> None:
    led = safe_next(text)
    assert led.startswith("/") and not led.startswith(("//", "/\\"))
    assert led in ("/", text)


@pytest.mark.parametrize(
    "text",
    ["//evil.example", "/\\evil.example", "https://evil.example", "/a\nb", "javascript:x", "/sign-in?next=/", ""],
)
def test_addresses_that_could_lead_elsewhere_lead_home(text: str) -> None:
    assert safe_next(text) == "/"


def test_two_tenants_in_one_address_are_refused() -> None:
    with pytest.raises(BadInputError):
        query_of(b"tenant=a&tenant=b")
    assert with_tenant("/run", b"tenant=x&id=1", "acme") == "/run?tenant=acme&id=1"


@given(st.binary(max_size=200))
@settings(max_examples=examples(100))
def test_any_query_is_read_or_refused(raw: bytes) -> None:
    with suppress(BadInputError):
        assert isinstance(query_of(raw), dict)


def test_a_cursor_names_its_sort_and_is_refused_elsewhere() -> None:
    cursor = Cursor(datetime(2026, 3, 1, tzinfo=UTC), UUID(int=5))
    assert Cursor.decode(cursor.encode()) == cursor
    assert ListAddress.from_params({"cursor": cursor.encode()[:-3]}) == (ListAddress(), ("cursor",))


def test_each_moving_range_says_how_far_back_it_reaches() -> None:
    hours = {period.value: (period.span / timedelta(hours=1), period.label) for period in Period}
    assert hours == {
        "1h": (1, "Last hour"),
        "24h": (24, "Last 24 hours"),
        "7d": (168, "Last 7 days"),
        "30d": (720, "Last 30 days"),
    }


EARLY, LATE = "2026-03-01T06:00:00Z", "2026-03-02T06:00:00Z"


@pytest.mark.parametrize(
    ("params", "left", "ignored"),
    [
        ({"at": EARLY, "range": "1h"}, {"at": EARLY}, ("range",)),
        ({"at": EARLY, "since": EARLY}, {"at": EARLY}, ("since",)),
        ({"at": EARLY, "until": LATE}, {"at": EARLY}, ("until",)),
        ({"range": "7d", "since": EARLY}, {"since": EARLY}, ("range",)),
        ({"range": "7d", "until": LATE}, {"until": LATE}, ("range",)),
        ({"since": LATE, "until": EARLY}, {}, ("since", "until")),
        ({"since": EARLY, "until": EARLY}, {"since": EARLY, "until": EARLY}, ()),
        ({"since": "2026-03-01T06:00:00"}, {}, ("since",)),
        ({"since": f"{EARLY[:-1]}.{'0' * 14}+00:00"}, {"since": EARLY}, ()),
        ({"since": f"{EARLY[:-1]}.{'0' * 15}+00:00"}, {}, ("since",)),
        ({"at": "1969-12-31T23:00:00Z"}, {}, ("at",)),
        ({"at": "1970-01-01T00:00:00Z"}, {"at": "1970-01-01T00:00:00Z"}, ()),
        ({"at": "2300-01-01T00:00:00Z"}, {}, ("at",)),
        ({"rows": "50", "refresh": "5"}, {}, ()),
        ({"q": "x" * 320}, {"q": "x" * 320}, ()),
        ({"q": "x" * 321}, {}, ("q",)),
        ({"rows": "25"}, {"rows": "25"}, ()),
        ({"rows": "250"}, {"rows": "250"}, ()),
        ({"rows": "26"}, {}, ("rows",)),
        ({"refresh": "0", "attention": "1"}, {"refresh": "0", "attention": "1"}, ()),
        ({"refresh": "7", "attention": "yes"}, {}, ("attention", "refresh")),
        ({"sort": "duration"}, {"sort": "duration"}, ()),
        ({"sort": "created"}, {}, ("sort",)),
        ({"created": f"{EARLY}/{LATE}"}, {"created": f"{EARLY}/{LATE}"}, ()),
        ({"created": f"{EARLY}/{EARLY}"}, {}, ("created",)),
    ],
)
def test_what_cannot_be_or_contradicts_is_left_out_by_name(
    params: dict[str, str], left: dict[str, str], ignored: tuple[str, ...]
) -> None:
    address, names = ListAddress.from_params(params)
    assert (address.to_params(), names) == (left, ignored)


@given(addresses())
def test_every_run_is_looked_at_in_the_same_way(address: ListAddress) -> None:
    assert address.cleared() == ListAddress(rows=address.rows, refresh=address.refresh)


def test_each_filter_is_named_with_its_value_in_the_viewers_zone() -> None:
    zone, moment = ZoneInfo("Europe/Berlin"), datetime(2026, 3, 1, 6, tzinfo=UTC)
    each = {
        "type": ({"type": "inventory.sync"}, OperationType("inventory", "sync").label),
        "time": ({"range": "7d"}, "Last 7 days"),
        "from": ({"since": EARLY}, "2026-03-01 07:00 CET"),
        "until": ({"until": EARLY}, "2026-03-01 07:00 CET"),
        "running at": ({"at": EARLY}, "2026-03-01 07:00 CET"),
        "started by": ({"by": "ada@example.com"}, "ada@example.com"),
        "search": ({"q": "abc"}, "abc"),
        "scope": ({"scope": "ios"}, "ios"),
        "reason": ({"reason": "timed_out"}, "timed_out"),
        "created": ({"created": f"{EARLY}/{LATE}"}, "2026-03-01 07:00 CET – 2026-03-02 07:00 CET"),
        "order": ({"sort": "duration"}, "longest first, of the newest 1,000"),
    }
    for name, (params, value) in each.items():
        address, _ = ListAddress.from_params(params)
        assert address.filters(zone) == ((name, value, ListAddress()),)
    searched, _ = ListAddress.from_params({"q": "timed_out"})
    assert (
        searched.with_reason({"timed_out"}) == ListAddress(reason="timed_out") and searched.with_reason(()) == searched
    )
    both = ListAddress(search="timed_out", reason="crashed")
    assert both.with_reason({"timed_out"}) == ListAddress(reason="crashed")
    at = ListAddress(cursor=Cursor(moment, UUID(int=1)))
    assert at.cursor is not None and at.cursor.run_id == UUID(int=1)
