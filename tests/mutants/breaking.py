"""The breaks of one module: its Python by its syntax tree, the SQL in its strings by its words."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

_OPERATORS: dict[type[ast.AST], type[ast.AST]] = {}
for one, other in (
    (ast.Eq, ast.NotEq), (ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Is, ast.IsNot), (ast.In, ast.NotIn),
    (ast.And, ast.Or), (ast.Add, ast.Sub), (ast.Mult, ast.FloorDiv), (ast.BitOr, ast.BitAnd),
):  # fmt: skip
    _OPERATORS |= {one: other, other: one}

_SQL = re.compile(r"\b(SELECT|UPDATE|WHERE|CASE|AND|WITH|WHEN|FROM|ORDER BY)\b")
_SQL_WORDS = (
    (r"\bAND\b", "OR"), (r"\bOR\b", "AND"), (r" <= ", " < "), (r" >= ", " > "), (r" < ", " <= "), (r" > ", " >= "),
    (r"(?<=\bAND )(\S+) = ", r"\1 <> "), (r"(?<=\bWHERE )(\S+) = ", r"\1 <> "), (r"(?<=\bWHEN )(\S+) = ", r"\1 <> "),
    (r" <> ", " = "), (r"\bIS NULL\b", "IS NOT NULL"), (r"\bIS NOT NULL\b", "IS NULL"), (r"\bIN \(", "NOT IN ("),
    (r"\bIS DISTINCT\b", "IS NOT DISTINCT"), (r"\bIS NOT DISTINCT\b", "IS DISTINCT"), (r"\bDESC\b", "ASC"),
    (r"\bNOT EXISTS\b", "EXISTS"), (r"(?<!NOT )\bEXISTS\b", "NOT EXISTS"), (r"\bgreatest\(", "least("),
    (r"\bmax\(", "min("), (r"\bmin\(", "max("), (r" \+ ", " - "), (r" - ", " + "), (r"\bLEFT JOIN\b", "JOIN"),
    (r"\bcoalesce\(([^,()]+), [^()]+\)", r"\1"), (r"\bAND \S+ (=|<=|>=|<>) \S+", ""), (r"\b\d+\b", "7"),
    (r"\bTHEN \S+", "THEN NULL"), (r"\bELSE \S+", "ELSE NULL"), (r"^\s*\w+ = [^,]+,$", ""),
)  # fmt: skip


@dataclass(frozen=True)
class Break:
    """One broken line: its number, the line as it was and as it is now, and the whole module with it."""

    line: int
    before: str
    after: str
    source: str


def breaks(source: str) -> list[Break]:
    """The breaks of a module, one for each line that can be broken, the same ones each time. Each still compiles."""
    found = sorted({one.source: one for one in _all(source)}.values(), key=lambda one: one.line)
    chosen: list[Break] = []
    for line, those in groupby(found, key=lambda one: one.line):
        candidates = [one for one in those if _compiles(one.source)]
        if candidates:
            chosen.append(random.Random(line).choice(candidates))
    return chosen


def _all(source: str) -> Iterator[Break]:
    lines = source.splitlines(keepends=True)
    tree = ast.parse(source)
    texts = [node for node in ast.walk(tree) if _is_text(node)]
    inside = {id(part) for node in texts for part in ast.walk(node)} | _prose(tree)
    names = _constants(tree)
    for node in ast.walk(tree):
        if id(node) not in inside and hasattr(node, "lineno"):
            for replacement in _replacements(node, names):
                yield _replaced(lines, node, replacement)
    for node in texts:
        if _SQL.search(ast.get_source_segment(source, node) or ""):
            for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):  # type: ignore[attr-defined]
                yield from _sql_line(lines, number)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _prose(tree: ast.AST) -> set[int]:
    """Docstrings, annotations and decorators: not what a program does."""
    left: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            left.append(node)
        left += [part for name in ("annotation", "returns") if (part := getattr(node, name, None)) is not None]
        left += getattr(node, "decorator_list", [])
    return {id(part) for node in left for part in ast.walk(node)}


def _constants(tree: ast.AST) -> dict[str, list[str]]:
    """The members named of each enumeration: one can stand for another."""
    found: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.isupper() and isinstance(node.value, ast.Name):
            members = found.setdefault(node.value.id, [])
            if node.attr not in members:
                members.append(node.attr)
    return found


def _replacements(node: ast.AST, names: dict[str, list[str]]) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(left=left, ops=[operator, *more], comparators=others) if type(operator) in _OPERATORS:
            yield ast.Compare(left, [_OPERATORS[type(operator)](), *more], others)  # type: ignore[list-item]
        case ast.BoolOp(op=operator, values=values):
            yield ast.BoolOp(_OPERATORS[type(operator)](), values)  # type: ignore[arg-type]
            yield values[0]
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
            yield ast.BinOp(left, _OPERATORS[type(operator)](), right)  # type: ignore[arg-type]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield ast.IfExp(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.Attribute(value=ast.Name(id=name) as base, attr=attr) if len(names.get(name, ())) > 1:
            members = names[name]
            if attr in members:
                yield ast.Attribute(base, members[members.index(attr) - 1], ast.Load())
        case ast.Return(value=ast.expr()) if not isinstance(node.value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call()) | ast.Raise() | ast.AugAssign() | ast.Continue():
            yield ast.Pass()
        case _:
            return


def _replaced(lines: list[str], node: ast.AST, replacement: ast.AST) -> Break:
    first, last = node.lineno - 1, node.end_lineno - 1  # type: ignore[attr-defined]
    start = len(lines[first].encode()[: node.col_offset].decode())  # type: ignore[attr-defined]
    end = len(lines[last].encode()[: node.end_col_offset].decode())  # type: ignore[attr-defined]
    text = ast.unparse(ast.fix_missing_locations(replacement))
    inner = f"({text})" if isinstance(node, ast.expr) else text
    changed = [*lines[:first], lines[first][:start] + inner + lines[last][end:], *lines[last + 1 :]]
    return Break(first + 1, lines[first].strip(), changed[first].strip(), "".join(changed))


def _sql_line(lines: list[str], number: int) -> Iterator[Break]:
    line = lines[number - 1]
    if line.lstrip().startswith(("--", "#")):
        return
    for pattern, wanted in _SQL_WORDS:
        for match in re.finditer(pattern, line.rstrip("\n")):
            after = line[: match.start()] + match.expand(wanted) + line[match.end() :]
            if after != line:
                changed = [*lines[: number - 1], after, *lines[number:]]
                yield Break(number, line.strip(), after.strip(), "".join(changed))


def _compiles(source: str) -> bool:
    try:
        compile(source, "<broken>", "exec")
    except SyntaxError:
        return False
    return True
