"""Text of an exported file in YAML → the same values as in JSON, with a bound on what aliases may make of it.

Read are the plain types of JSON alone, told by how they are written (`true`, `3`, `1.5`, `null`; a date is a text), and no tag
makes anything else. An alias may stand for a whole list, and lists of aliases for more than a machine has memory for: each
time one is used counts as if it were written out.
"""

import re
from typing import Any, Final, cast

import yaml

from flows._policies.tree import MAX_DEPTH
from flows._sources.json_text import SyntaxProblem, text_of

MOST_NODES: Final = 500_000
"""Values a file may hold with its aliases written out. The largest exports seen have a twentieth of it."""

_SCALARS: Final = ("null", "bool", "int", "float")


class _Loader(yaml.CSafeLoader):
    """Tells the scalars of JSON apart and nothing else."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern in (
    ("null", r"~|null|Null|NULL|"),
    ("bool", r"true|True|TRUE|false|False|FALSE"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)"),
    ("float", r"[-+]?[0-9]+\.[0-9]*(?:[eE][-+][0-9]+)?"),
):
    _Loader.add_implicit_resolver(  # pyright: ignore[reportUnknownMemberType]
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), None
    )


def parse_yaml(data: bytes) -> Any:
    """The value of a YAML document. Raises SyntaxProblem for what is none, ends in the middle, or grows beyond all bounds,
    EmptyError and EncodingError as for JSON.

    Cut at the end of a line YAML still reads well; cut in the middle of one it lacks the line end that every tool writes.
    """
    text = text_of(data)
    try:
        root = cast(yaml.Node | None, yaml.compose(text, Loader=_Loader))  # pyright: ignore[reportUnknownMemberType]
    except (yaml.YAMLError, RecursionError, ValueError) as problem:
        mark = getattr(problem, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise SyntaxProblem(text, line, column, line >= text.count("\n") + 1) from None
    if "\n" in text and text[:1] not in "{[" and not data.rstrip(b"\x00").endswith(b"\n"):
        raise SyntaxProblem(text, text.count("\n") + 1, 1, truncated=True)
    return _Values(text).of(root, 0)


class _Values:
    def __init__(self, text: str) -> None:
        self._text = text
        self._left = MOST_NODES

    def of(self, node: yaml.Node | None, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            raise SyntaxProblem(self._text, 1, 1, truncated=False, too_deep=True)
        if isinstance(node, yaml.MappingNode):
            return {str(self._scalar(key)): self.of(value, depth + 1) for key, value in node.value}
        if isinstance(node, yaml.SequenceNode):
            return [self.of(item, depth + 1) for item in node.value]
        return self._scalar(node)

    def _scalar(self, node: yaml.Node | None) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            return None
        text = node.value
        kind = node.tag.rpartition(":")[2]
        if kind not in _SCALARS or len(text) > 300:
            return text
        if kind == "null":
            return None
        if kind == "bool":
            return text.casefold() == "true"
        return int(text) if kind == "int" else float(text)
