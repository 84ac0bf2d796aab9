"""An operation's parameters as they are written on the command line: `--set NAME=VALUE`, as often as needed."""

from __future__ import annotations

from collections.abc import Sequence

from runstore.errors import BadInputError


def parse_parameters(given: Sequence[str]) -> dict[str, str]:
    """The values by their names. BadInputError for what is no pair, and for a name that comes twice."""
    parsed: dict[str, str] = {}
    for pair in given:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise BadInputError(f"--set {pair[:80]!r} is no parameter: write it as NAME=VALUE.")
        if name in parsed:
            raise BadInputError(f"--set names {name[:80]!r} twice; give it one value.")
        parsed[name] = value
    return parsed
