"""Only public Prefect: no module or attribute of it that begins with `_`, and nothing of it is assigned to or overridden."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("runstore", "flows", "monitoring_app", "deployments")

PRIVATE_MODULE = re.compile(r"\bprefect(\.\w+)*\.(?!__\w+__\b)_\w+")
PATCHERS = {"setattr", "delattr", "patch", "patch.object", "monkeypatch.setattr", "object.__setattr__", "vars"}
READERS = {"getattr", "hasattr", *PATCHERS}


def is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


class Prefects:
    """The names of one module that stand for something of Prefect's, as far as its syntax shows.

    Those are: what it imports of Prefect, what it makes by calling such a name, what it binds by `with`, `for`, `=` or `:=` to
    an expression that leads to such a name, and parameters and fields whose annotation has one.
    """

    def __init__(self, tree: ast.AST) -> None:
        self.names: set[str] = set()
        self.classes: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                self.names |= {
                    alias.asname or "prefect" for alias in node.names if alias.name.split(".")[0] == "prefect"
                }
            elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "prefect" and not node.level:
                self.names |= {alias.asname or alias.name for alias in node.names}
        before = -1
        while before != len(self.names):
            before = len(self.names)
            for node in ast.walk(tree):
                self._learn(node)

    def _learn(self, node: ast.AST) -> None:
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation and self.mentions(node.annotation):
            target = node.arg if isinstance(node, ast.arg) else dotted(node.target)
            self.names |= {target} if target else set()
        elif isinstance(node, ast.Assign | ast.NamedExpr):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if self.leads_to(node.value):
                self.names |= {name for target in targets if (name := dotted(target))}
        elif isinstance(node, ast.withitem) and node.optional_vars and self.leads_to(node.context_expr):
            self.names |= {name for name in [dotted(node.optional_vars)] if name}
        elif isinstance(node, ast.For | ast.comprehension) and self.leads_to(node.iter):
            self.names |= {name for name in [dotted(node.target)] if name}
        elif isinstance(node, ast.ClassDef) and any(self.leads_to(base) for base in node.bases):
            # Its instances are Prefect's, too, and so are `self` and `cls` in it.
            self.names.add(node.name)
            self.classes.add(node.name)

    def mentions(self, annotation: ast.expr) -> bool:
        """Whether a type has one of the names in it; `str` forms are parsed."""
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            try:
                annotation = ast.parse(annotation.value, mode="eval").body
            except SyntaxError:
                return False
        return any(
            isinstance(node, ast.Name | ast.Attribute) and dotted(node) in self.names for node in ast.walk(annotation)
        )

    def leads_to(self, value: ast.expr) -> bool:
        """Whether the value is one of the names, or an attribute, item, call or awaited call of one."""
        while True:
            if (name := dotted(value)) and name in self.names:
                return True
            if isinstance(value, ast.Attribute | ast.Subscript | ast.Await | ast.Starred):
                value = value.value
            elif isinstance(value, ast.Call):
                if dotted(value.func) in (
                    "cast",
                    "typing.cast",
                    "sys.modules.get",
                    "importlib.import_module",
                    "import_module",
                ):
                    return any(
                        self.leads_to(part)
                        or (isinstance(part, ast.Constant) and str(part.value).startswith("prefect"))
                        for part in value.args
                    )
                value = value.func
            else:
                return isinstance(value, ast.BoolOp | ast.IfExp) and any(
                    self.leads_to(part) for part in ast.iter_child_nodes(value) if isinstance(part, ast.expr)
                )


def dotted(node: ast.AST) -> str:
    """`a.b.c` as it stands, or nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


def offences(text: str) -> Iterator[str]:
    tree = ast.parse(text)
    prefects = Prefects(tree)
    for node in ast.walk(tree):
        yield from (f"{getattr(node, 'lineno', '?')}: {told}" for told in _offences_of(node, prefects))


def _offences_of(node: ast.AST, prefects: Prefects) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (f"imports {alias.name}" for alias in node.names if PRIVATE_MODULE.match(alias.name))
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        for alias in node.names:
            if PRIVATE_MODULE.match(name := f"{node.module}.{alias.name}"):
                yield f"imports {name}"
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and PRIVATE_MODULE.match(node.value):
        yield f"names {node.value}"
    elif isinstance(node, ast.Attribute):
        if is_private(node.attr) and prefects.leads_to(node.value):
            yield f"reads {ast.unparse(node)}"
        if isinstance(node.ctx, ast.Store | ast.Del) and prefects.leads_to(node.value):
            yield f"assigns to {ast.unparse(node)}"
    elif isinstance(node, ast.Call):
        yield from _offences_of_call(node, prefects)
    elif isinstance(node, ast.ClassDef) and node.name in prefects.classes:
        yield from _offences_of_class(node)


def _offences_of_call(node: ast.Call, prefects: Prefects) -> Iterator[str]:
    how = dotted(node.func)
    if how.split(".")[-1] not in {name.split(".")[-1] for name in READERS} or not node.args:
        return
    first, second = node.args[0], node.args[1] if len(node.args) > 1 else None
    if isinstance(first, ast.Constant) and str(first.value).startswith("prefect."):
        yield f"patches {first.value}"
    elif prefects.leads_to(first):
        if how in PATCHERS:
            yield f"assigns by {ast.unparse(node)}"
        elif isinstance(second, ast.Constant) and is_private(str(second.value)):
            yield f"reads by {ast.unparse(node)}"


def _offences_of_class(node: ast.ClassDef) -> Iterator[str]:
    for member in node.body:
        if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef) and is_private(member.name):
            yield f"{node.name} has a private method {member.name}, which may override Prefect's"
        targets = member.targets if isinstance(member, ast.Assign) else [getattr(member, "target", None)]
        yield from (f"{node.name} sets {name}" for target in targets if target and is_private(name := dotted(target)))
    for inner in ast.walk(node):
        if (
            isinstance(inner, ast.Attribute)
            and is_private(inner.attr)
            and dotted(inner.value) in ("self", "cls", "super")
        ):
            yield f"{node.name} uses {ast.unparse(inner)}, which may be Prefect's"
        if isinstance(inner, ast.Attribute) and is_private(inner.attr) and ast.unparse(inner.value) == "super()":
            yield f"{node.name} uses super().{inner.attr}"


@pytest.mark.parametrize("package", PACKAGES)
def test_the_product_uses_only_public_prefect(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{told}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for told in offences(path.read_text())
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "from prefect._internal.observers import FlowRunCancellingObserver",
        "from prefect.runner import _control_channel",
        "import prefect._internal as internal",
        "import importlib\nimportlib.import_module('prefect._internal.metrics')",
        "LIBRARIES = ('orjson', 'prefect._internal.observers')",
        "import prefect\nprefect._waiters()",
        "import prefect.states\nprefect.states.format_exception = print",
        "from prefect import states\nsetattr(states, 'format_exception', print)",
        "from typing import Any, cast\nimport prefect.states\nstates = cast(Any, prefect.states)\nstates.to_state_create = print",
        "from unittest import mock\nmock.patch('prefect.states.format_exception')",
        "import sys\nmodule = sys.modules.get('prefect.states')\nmodule.format_exception = print",
        "from prefect.workers.base import BaseWorker\ndef f(worker: BaseWorker): return worker._limiter",
        "from prefect.workers.base import BaseWorker\ndef f(worker: 'BaseWorker | None'): worker.run = print",
        "from prefect.workers.base import BaseWorker\ndef f(worker: BaseWorker): return getattr(worker, '_limiter')",
        "from prefect.client.orchestration import get_client\nwith get_client() as client: client._client",
        "from prefect.client.orchestration import get_client\nclass A:\n def f(self): self.c = get_client(); self.c._client",
        "from prefect.workers.process import ProcessWorker\nclass A(ProcessWorker):\n async def _submit_run(self, run): ...",
        "from prefect.workers.process import ProcessWorker\nclass A(ProcessWorker):\n def f(self): return self._limiter",
        "from prefect.workers.process import ProcessWorker\nclass A(ProcessWorker):\n def f(self): super()._setup()",
        "from prefect.workers.process import ProcessWorker\nclass A(ProcessWorker):\n _description = 'x'",
        "from prefect.context import FlowRunContext\ncontext = FlowRunContext.get()\nif context: context.flow_run.name = 'x'",
        "from prefect.context import FlowRunContext\ndel FlowRunContext.get().flow_run.state",
    ],
)
def test_each_private_way_is_found(text: str) -> None:
    assert list(offences(text))


@pytest.mark.parametrize(
    "text",
    [
        "from prefect.client.orchestration import get_client\nclient = get_client()\nclient.read_flow_run(1)",
        "import prefect.engine\nprefect.engine.__file__",
        "class A:\n def f(self): return self._x",
        "from flows._tracking.store import worker_store",
        "x = 'prefect.engine'",
    ],
)
def test_what_is_public_or_ours_is_no_offence(text: str) -> None:
    assert list(offences(text)) == []
