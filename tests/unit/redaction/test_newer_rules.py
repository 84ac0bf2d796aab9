"""The command that holds a newer rule set against the fence: it names what is lacking and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.newer_rules.__main__ import main

RULES = """
[[rules]]
id = "long-and-mixed"
regex = '''\\b(zzt_[a-zA-Z0-9]{40})\\b'''
[[rules]]
id = "a-plain-number"
regex = '''(?i)plainvendor[ =:]{1,3}([0-9]{9})'''
"""


def test_a_kind_that_is_left_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES, encoding="utf-8")
    assert main([str(rules)]) == 1
    said = capsys.readouterr().out
    assert "a-plain-number: 20 of 20 left" in said and "long-and-mixed" not in said
    assert "2 rules, 1 lacking" in said


def test_a_file_of_no_use_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.toml")]) == 2
    assert "Give a file of rules" in capsys.readouterr().err
