"""What policies say is in no dump, in no form; with the key it is all there, from the release before too."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text, update

from deployments.store_access import everything_under_key, kept_secret, report
from flows._policies import sealing
from flows._policies.sealing import EncryptionKeyError, InstallationKey, KeyRing, Seals, encrypted, standing
from flows._policies.snapshots import bodies
from flows.backup.export import export_set
from flows.backup.sealing import kept, place
from flows.backup.sets import create_set
from flows.backup.tables import BackupItem
from flows.drift.register.reading import findings_document
from runstore.directory import Directory
from runstore.dump import dump
from runstore.tenancy import TenantScope
from tests.conftest import Store
from tests.support.command_line import CommandLine
from tests.support.drift_runs import Runs
from tests.support.unsealed import unsealed

OLD, NEW = "the key that was there before, of words", "the key that comes after it, of words too"
WORDS = ("Marmalade-Before", "Tangerine-After", "Cinnamon-Only-Described", "Rhubarb-Setting")


@pytest.fixture
def runs(store: Store) -> Runs:
    return Runs(store, store.tenant())


def synced(runs: Runs, folder: Path, words: tuple[str, ...] = WORDS) -> None:
    """Two syncs and their comparison, the words in every place of a policy that is content."""
    before, after, described, named = words
    for name, value in (("a", before), ("b", after)):
        policy = {
            "@odata.type": "#microsoft.graph.iosGeneralDeviceConfiguration",
            "id": "00000000-0000-4000-8000-000000000001",
            "displayName": "Phones",
            "description": described,
            "kioskModeAppStoreUrl": value,
            "appsVisibilityList": [{"name": f"{named} {number} {value}"} for number in range(3)],
        }
        (folder / name).mkdir(parents=True)
        (folder / name / "policy.json").write_text(json.dumps(policy))
        runs.sync(folder / name)
    runs.drift()


def captured(runs: Runs, policy: bytes) -> UUID:
    """A set with one policy, kept as a capture keeps it."""
    made = create_set(runs.store.app, runs.scope, "Nightly")
    set_id = UUID(str(made.id))
    item: dict[str, Any] = {
        "tenant_id": runs.scope.tenant_id, "set_id": set_id, "policy_id": "p", "content_hash": b"h" * 32,
        "policy_type": "device_configuration", "name": "Phones", "platform": None, "origin": "beta/deviceConfigurations",
        "assignments": 0, "size": len(policy), "body": policy, "run_id": UUID(int=1),
    }  # fmt: skip
    with runs.store.worker.transaction(runs.scope) as connection:
        connection.execute(BackupItem.__table__.insert(), kept(Seals(connection, runs.scope), item))  # type: ignore[attr-defined]
    return set_id


def forms(data: bytes) -> Iterator[bytes]:
    """The bytes, and what they are when hexadecimal text, base64 and compression are undone, once and twice."""
    yield data
    for found in re.findall(rb"\\\\?x((?:[0-9a-f]{2}){8,})", data):
        yield from unpacked(binascii.unhexlify(found))
    for found in re.findall(rb"(?:[A-Za-z0-9+/]{4}){4,}", data):
        yield from unpacked(base64.b64decode(found))


def unpacked(data: bytes) -> Iterator[bytes]:
    yield data
    for start in (0, 1, 12, 13):
        try:
            yield zlib.decompressobj().decompress(data[start:])
        except zlib.error:
            continue


def found_in_a_dump(store: Store, file: Path) -> set[str]:
    """Which of the words stand in what `tenantatlas db dump` writes."""
    dump(store.url, file)
    pieces: list[bytes] = [file.read_bytes()]
    with zipfile.ZipFile(file) as archive:
        pieces += [archive.read(name) for name in archive.namelist()]
    return {word for word in WORDS for piece in pieces for form in forms(piece) if word.encode() in form}


def everything(runs: Runs) -> tuple[list[Any], list[Any]]:
    register = findings_document(runs.store.app, runs.scope)["findings"]
    return [register, runs.found()["findings"]], sorted(unsealed(runs.store.worker, runs.scope))


def in_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is written as by the release before."""
    monkeypatch.setattr(Seals, "_seals", property(lambda _: False))


def test_a_dump_holds_no_word_of_a_policy(runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced(runs, tmp_path)
    captured(runs, json.dumps({"a": WORDS}).encode())
    (one,) = runs.found()["findings"]
    assert WORDS[0] in json.dumps(one) and WORDS[1] in json.dumps(one)
    assert found_in_a_dump(runs.store, tmp_path / "dump") == set()
    # The search does find what is kept in clear, whatever form it is in.
    other = Runs(runs.store, runs.store.tenant("globex"))
    with monkeypatch.context() as before:
        in_clear(before)
        synced(other, tmp_path / "globex")
    assert found_in_a_dump(runs.store, tmp_path / "again") == set(WORDS)


def test_what_the_release_before_left_is_read_and_then_sealed_however_often_it_is_begun(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        in_clear(before)
        synced(runs, tmp_path / "old")
    set_id = captured(runs, b'{"displayName": "Phones"}')
    earlier = InstallationKey(OLD.encode())
    purpose = b"tenantatlas backup items 1"
    here = place(runs.scope.tenant_id, set_id, "p", b"h" * 32)
    monkeypatch.setenv("TENANTATLAS_ENCRYPTION_KEY", OLD)
    with runs.store.admin.transaction(runs.scope) as connection:
        connection.execute(text("DELETE FROM tenant_keys"))
        old = encrypted(earlier.derived(purpose), zlib.compress(b'{"displayName": "Phones"}'), here)
        connection.execute(update(BackupItem).values(body=old, key_id=earlier.id(purpose)))
    seen = everything(runs)
    assert standing(runs.store.admin).in_clear == 1
    # A worker of this release leaves the tenant as it is, until it is told that none of the release before is left.
    synced(runs, tmp_path / "again")
    assert len(everything(runs)[1]) > len(seen[1]) and found_in_a_dump(runs.store, tmp_path / "dump") == set(WORDS)
    seen = everything(runs)
    assert "db seal" in report(runs.store.admin)[0][0]
    monkeypatch.setattr(sealing, "BATCH", 1)
    with monkeypatch.context() as broken, pytest.raises(RuntimeError):
        calls = iter((None, None))
        kept_as = Seals.kept

        def failing(self: Seals, data: bytes, where: bytes, *, clear: bool = True) -> bytes:
            if clear and next(calls, "over") == "over":
                raise RuntimeError
            return kept_as(self, data, where, clear=clear)

        broken.setattr(Seals, "kept", failing)
        everything_under_key(runs.store.admin)
    assert everything(runs) == seen
    first = everything_under_key(runs.store.admin)
    assert first["acme"] > 0 and everything_under_key(runs.store.admin) == {"acme": 0}
    assert everything(runs) == seen
    assert found_in_a_dump(runs.store, tmp_path / "sealed") == set()
    assert report(runs.store.admin) == ([], 0)
    assert export_set(runs.store.app, runs.scope, set_id, tmp_path / "out")[1] == 1


@pytest.mark.parametrize("key", ["", "short"])
def test_a_bad_key_is_told_where_there_is_no_tenant_yet(
    store: Store, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("TENANTATLAS_ENCRYPTION_KEY", key)
    monkeypatch.delenv("TENANTATLAS_ENCRYPTION_KEY_FILE", raising=False)
    assert not Directory(store.admin).tenants()
    with pytest.raises(EncryptionKeyError):
        everything_under_key(store.admin)


def test_another_key_takes_over_and_the_old_one_opens_nothing_any_more(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    monkeypatch.delenv("TENANTATLAS_ENCRYPTION_KEY")
    monkeypatch.setenv("TENANTATLAS_ENCRYPTION_KEY_FILE", str(file))
    file.write_text(f"{OLD}\n")
    synced(runs, tmp_path)
    seen = everything(runs)
    file.write_text(f"{NEW}\n{OLD}\n")
    assert everything(runs) == seen
    everything_under_key(runs.store.admin)
    file.write_text(f"{NEW}\n")
    assert everything(runs) == seen
    for wrong, reason in (
        (f"{OLD}\n", "encryption_key_wrong"),
        ("", "encryption_key_missing"),
        ("x", "encryption_key_unusable"),
    ):
        file.write_text(wrong)
        with pytest.raises(EncryptionKeyError) as refused:
            everything(runs)
        assert (refused.value.failure.reason_code, refused.value.exit_code) == (reason, 6)
    assert report(runs.store.admin)[1] == 6


def test_a_first_sync_without_a_key_stores_nothing(runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TENANTATLAS_ENCRYPTION_KEY")
    monkeypatch.delenv("TENANTATLAS_ENCRYPTION_KEY_FILE", raising=False)
    with pytest.raises(EncryptionKeyError, match="TENANTATLAS_ENCRYPTION_KEY, is not set"):
        synced(runs, tmp_path)
    with runs.store.worker.transaction(runs.scope) as connection:
        assert connection.execute(text("SELECT count(*) FROM policy_contents")).scalar_one() == 0


def test_a_row_that_was_moved_does_not_open(runs: Runs, tmp_path: Path) -> None:
    synced(runs, tmp_path)
    other: TenantScope = runs.store.tenant("globex")
    with runs.store.worker.transaction(runs.scope) as connection:
        (first, one), (second, _) = connection.execute(text("SELECT content_hash, body FROM policy_contents")).all()
        connection.execute(
            text("UPDATE policy_contents SET body = :body WHERE content_hash = :key"), {"body": one, "key": second}
        )
        assert bodies(connection, runs.scope, [bytes(first)])
        with pytest.raises(EncryptionKeyError):
            bodies(connection, runs.scope, [bytes(second)])
    with runs.store.worker.transaction(other) as connection, pytest.raises(EncryptionKeyError):
        Seals(connection, other).opened(bytes(one), bytes(first))


@given(st.binary(), st.binary(), st.uuids())
def test_what_is_wrapped_opens_under_its_key_alone(key: bytes, secret: bytes, tenant: UUID) -> None:
    ring = KeyRing((InstallationKey(secret),))
    row = ring.wrapped(key, tenant)
    assert ring.unwrapped(row["key_id"], row["wrapped"], tenant) == key
    for other in (KeyRing((InstallationKey(secret + b"x"),)), ring):
        with pytest.raises(EncryptionKeyError):
            other.unwrapped(row["key_id"], row["wrapped"], tenant if other is not ring else UUID(int=tenant.int ^ 1))


def test_a_new_home_gets_a_key_and_another_home_says_that_it_has_not_that_one(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    synced(runs, tmp_path)
    dump(runs.store.url, tmp_path / "dump")
    home = tmp_path / "new" / "home"
    restored = CommandLine(home, capsys, {"TENANTATLAS_ENCRYPTION_KEY": ""})("db", "restore", str(tmp_path / "dump"))
    assert (restored.code, (home / "encryption_key").stat().st_mode & 0o077) == (6, 0), restored.err
    assert "encrypted under another key" in restored.out


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    made = kept_secret(tmp_path / "key")
    assert (kept_secret(tmp_path / "key"), len(made) >= 32) == (made, True)
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0 and len(list(tmp_path.iterdir())) == 1
