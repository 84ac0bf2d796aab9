"""A log stays small while its writer goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.local import process


def test_a_large_log_is_moved_and_its_writer_goes_on_at_the_new_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "LOG_BYTES", 10)
    log = tmp_path / "relay.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"short\n")
        assert not process.rotate(log)
        writer.write(b"and then long\n")
        assert process.rotate(log)
        writer.write(b"next\n")
    assert log.read_bytes() == b"next\n"
    assert (tmp_path / "relay.log.1").read_bytes() == b"short\nand then long\n"
    assert not process.rotate(tmp_path / "none.log")
