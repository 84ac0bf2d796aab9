"""Every kind of secret in places of policies, through what a sync stores and a comparison finds: none is left, in any encoding.

A few places a kind by default, all of them with TENANTATLAS_EVERY_PLACE=1. The seed is another one each day.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import PurePosixPath

import orjson

from flows._policies.protocol import SourcePolicy
from flows._policies.recognise import recognise
from flows._policies.stored import stored
from tests.support.drift_compare import FINGERPRINT, compared, snapshot
from tests.support.secret_corpus import Sample
from tests.support.secret_kinds import KINDS, LEFT_OUT, made
from tests.support.secret_places import BODIES, FILES, Body, body_at, encodings, file_at

SEED = int(os.environ.get("TENANTATLAS_SEED") or f"{datetime.now(UTC):%Y%m%d}")
PLACES = len(BODIES) if os.environ.get("TENANTATLAS_EVERY_PLACE") else 2


def _kept(body: Body, origin: str) -> bytes:
    """All that the snapshot store keeps of a policy, as bytes; nothing of one that is not recognised."""
    known = recognise(body, file_stem=PurePosixPath(origin).stem)
    if known is None:
        return b""
    one = stored(
        SourcePolicy(known.policy_id, known.policy_type, known.name, known.platform, body, origin), FINGERPRINT
    )
    return b"\0".join(
        part if isinstance(part, bytes) else str(part).encode()
        for part in (one.body, one.policy_id, one.name, one.origin, one.subtype, one.platform)
    )


def _leaks(sample: Sample, data: bytes) -> bool:
    return any(form in data for needle in sample.needles[:3] for form in encodings(needle))


def _places(samples: list[Sample], most: int) -> Iterator[tuple[Sample, str, bytes]]:
    chance = random.Random(SEED)
    for number, sample in enumerate(samples):
        for place in chance.sample(list(BODIES), most):
            origin = file_at(chance.choice(FILES), sample.text) or "policy.json"
            yield sample, place, _kept(body_at(place, sample.text, number), origin)


def test_there_are_enough_kinds_and_places() -> None:
    assert len(KINDS) >= 300
    assert len(BODIES) + len(FILES) >= 60
    assert len(LEFT_OUT) >= 60
    assert not KINDS.keys() & LEFT_OUT.keys()


def test_no_kind_is_left_in_any_place() -> None:
    found = Counter(
        f"{one.kind} in {place}" for one, place, data in _places(made(KINDS, SEED), PLACES) if _leaks(one, data)
    )
    assert not found, (SEED, found)


def test_what_was_left_on_some_days_is_left_on_none() -> None:
    for text, secret in _LEFT_ONCE:
        sample = Sample(text, text, (secret,))
        for place in BODIES:
            assert not _leaks(sample, _kept(body_at(place, text, 1), "policy.json")), (text, place)


def test_kinds_that_no_rule_was_written_for_are_held() -> None:
    leaked = {one.kind for one, _, data in _places(made(LEFT_OUT, SEED), PLACES) if _leaks(one, data)}
    assert 60 * len(leaked) <= len(LEFT_OUT), (SEED, leaked)


def test_what_one_look_left_half_of_stays_the_same() -> None:
    for text in (
        "Server=tcp:db.example.com,1433;User ID=sa;Password=cR1iz%bHtl1XsC@20.;Encrypt=True",
        "app.secret_key = b'n81O>EMAL|kBfmUvD&SUE6Hb'",
    ):
        for place in ("description", "home page", "OMA xml"):
            data = _kept(body_at(place, text, 1), "policy.json")
            assert _kept(orjson.loads(data.split(b"\0")[0]), "policy.json") == data, (text, place)


def test_what_is_kept_stays_the_same_when_it_is_read_again() -> None:
    for sample, place, data in _places(made(KINDS, SEED), 1):
        again = _kept(orjson.loads(data.split(b"\0")[0]), "policy.json") if data else b""
        # A subtype that was a secret makes another type of it.
        if again:
            bodies = [orjson.loads(kept.split(b"\0")[0]) for kept in (again, data)]
            assert bodies[0] == bodies[1], (SEED, sample.kind, place)


def test_a_changed_secret_is_a_finding_that_does_not_show_it() -> None:
    chance = random.Random(SEED)
    places = [place for place in BODIES if place not in _NOT_COMPARED]
    pairs = list(zip(made(KINDS, SEED), made(KINDS, SEED + 1), strict=True))[:: 1 if PLACES > 2 else 7]
    for number, (old, new) in enumerate(pairs):
        place = chance.choice(places)
        sides = [snapshot([body_at(place, sample.text, number)]) for sample in (old, new)]
        findings = compared(*sides).findings
        assert findings, (SEED, old.kind, place)
        shown = orjson.dumps([finding.changes_json() for finding in findings]) + str(findings).encode()
        assert not _leaks(old, shown) and not _leaks(new, shown), (SEED, old.kind, place)
        assert compared(sides[0], snapshot([body_at(place, old.text, number)])).findings == []


_LEFT_ONCE = (
    ("snmp-server user ops grp v3 auth sha Kaffee2911Tisch priv aes 128 Lucky3058River", "Lucky3058River"),
    ('password = """Fruehlingxsg46!21"""', "Fruehlingxsg46!21"),
    ("password = <<EOT\nTiger4672\nEOT", "Tiger4672"),
    ("v2.hmwfspdcpsscp9zlzoue", "hmwfspdcpsscp9zlzoue"),
    ("NTIFHXECEP4CUCSQLHER", "NTIFHXECEP4CUCSQLHER"),
    ('curl --basic --user "svc:aB3_xyzw-Tisch9q" https://x', "aB3_xyzw-Tisch9q"),
    ("a|%sA=750y/<q|_sjAiD7/c4Tg{=T8,h", "a|%sA=750y/<q|_sjAiD7/c4Tg{=T8,h"),
    ('sqlcmd -S db -U sa -P "GRas+7+?1B_23i"', "GRas+7+?1B_23i"),
    ("ApiKey 1pNtQaaOjD4_aVEX3Tsu:cpH68zJfnYwmlSO5xKPGHu", "1pNtQaaOjD4_aVEX3Tsu"),
)
_NOT_COMPARED = {
    "unknown type", "assignment id", "exporter's remark", "metadata", "created by", "date", "version", "assignment type",
    "scope tag", "known property", "assignment group name",
}  # fmt: skip
"""Places that say nothing about configuration, or that a policy of no known type has."""
