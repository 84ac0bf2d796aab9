"""The code, the catalogue and the documentation know the same reason codes, each way round."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from flows.registry import reasons
from runstore.reasons import Catalogue, ReasonCode
from tests.support.reason_docs import render

PACKAGES = ("runstore", "flows", "deployments", "monitoring_app")


def _product(repository: Path) -> Catalogue:
    """The catalogue without the producers made for tests, which are on the path in some test processes."""
    made = (repository / "tests" / "fixtures").rglob("reasons.py")
    codes = {code for path in made for code in re.findall(r'code="([a-z_0-9]+)"', path.read_text(encoding="utf-8"))}
    return Catalogue([reason for reason in reasons().values() if reason.code not in codes])


def _sources(repository: Path) -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((repository / package).rglob("*.py"))


def _declared(repository: Path) -> dict[str, tuple[str, Path]]:
    """Code → name of its constant and the file that declares it, for every ReasonCode a module of ours makes."""
    found: dict[str, tuple[str, Path]] = {}
    for path in _sources(repository):
        if "reasons" not in path.stem and "ReasonCode(" not in path.read_text(encoding="utf-8"):
            continue
        module = importlib.import_module(".".join(path.relative_to(repository).with_suffix("").parts))
        own = {target.id for node in ast.parse(path.read_text(encoding="utf-8")).body for target in _targets(node)}
        for name, value in vars(module).items():
            if isinstance(value, ReasonCode) and name in own:
                assert value.code not in found, f"{value.code} is declared in {path} and {found[value.code][1]}"
                found[value.code] = (name, path)
    return found


def _targets(node: ast.stmt) -> Iterator[ast.Name]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    for target in targets:
        if isinstance(target, ast.Name):
            yield target


def test_every_declared_code_is_in_the_catalogue_and_the_other_way_round(repository: Path) -> None:
    assert sorted(_declared(repository)) == list(_product(repository))


def test_every_code_of_the_catalogue_is_used(repository: Path) -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in _sources(repository)}
    unused: list[str] = []
    for code, (name, home) in _declared(repository).items():
        word = re.compile(rf"\b{name}\b")
        elsewhere = any(word.search(text) for path, text in texts.items() if path != home)
        # A producer names it twice at home, by its declaration and in REASONS; one more time is a use.
        named = 1 if home.parent.name == "runstore" else 2
        if not elsewhere and len(word.findall(texts[home])) <= named:
            unused.append(code)
    assert unused == []


STARTS_AGAIN = re.compile(r"\b(again|once more|start it|then (add|compare|sync|start))\b", re.I)


def test_a_reason_says_to_start_again_only_where_that_helps(repository: Path) -> None:
    """The hub says beside the next step whether starting again helps: the two may not contradict each other."""
    found = _product(repository)
    assert [one.code for one in found.values() if not one.retryable and STARTS_AGAIN.search(one.next_step)] == []
    assert STARTS_AGAIN.search(found["contact_lost"].next_step), "the pattern knows how next steps say it"


def test_codes_written_as_text_are_in_the_catalogue(repository: Path) -> None:
    known = reasons()
    for path in _sources(repository):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "reason_code" and isinstance(node.value, ast.Constant):
                assert node.value.value is None or node.value.value in known, f"{path}:{node.value.lineno}"


def test_failures_are_built_by_the_catalogue_alone(repository: Path) -> None:
    """Nobody else constructs one, except those that read stored rows back."""
    readers = {"reasons.py", "rows.py", "insights.py"}
    builders = [
        f"{path.relative_to(repository)}:{node.lineno}"
        for path in _sources(repository)
        if path.name not in readers
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Failure"
    ]
    assert builders == []


def test_the_documentation_is_the_catalogue(repository: Path) -> None:
    page = (repository / "docs" / "reason-codes.md").read_text(encoding="utf-8")
    assert page == render(_product(repository)), (
        "docs/reason-codes.md is stale: run `python -m tests.support.reason_docs`"
    )
    assert sorted(re.findall(r"^## ([a-z_0-9]+)$", page, re.M)) == list(_product(repository))
