"""One file of an export → its content in Graph's shape, or the failure that says what it could have been."""

from __future__ import annotations

from typing import Any

from flows._policies.protocol import SourceFailure
from flows._policies.recognise import recognise, types_for
from flows._policies.tree import MAX_DEPTH
from flows._sources import folder_reasons as reasons
from flows._sources.export_file import ExportFile
from flows._sources.forms import document_in_graph_shape
from flows._sources.json_text import EmptyError, EncodingError, SyntaxProblem, leading_members, parse
from runstore.reasons import ReasonCode
from runstore.runs.run import Failure


def document_of(file: ExportFile, limit: int) -> Any:
    """What the file holds, or a SourceFailure. `limit` is the most bytes it may have."""
    name, possible = file.origin, types_for(file.folders)
    if not file.readable:
        return unread(reasons.FILE_UNREADABLE.failure(name, file_name=name), possible)
    if file.size > limit:
        return unread(reasons.FILE_TOO_LARGE.failure(name, file_name=name, size=file.size, limit=limit), possible)
    try:
        with file.path.open("rb") as handle:
            data = handle.read(limit + 1)
    except OSError:
        return unread(reasons.FILE_UNREADABLE.failure(name, file_name=name), possible)
    try:
        return document_in_graph_shape(_parsed(data, file), file)
    except EmptyError:
        return unread(reasons.FILE_EMPTY.failure(name, file_name=name), possible)
    except EncodingError as problem:
        return unread(reasons.FILE_ENCODING.failure(name, file_name=name, position=problem.position), possible)
    except SyntaxProblem as problem:
        return _broken(file, problem)


def _parsed(data: bytes, file: ExportFile) -> Any:
    if not file.is_yaml:
        return parse(data)
    # A parser that most exports do without.
    from flows._sources.yaml_text import parse_yaml

    return parse_yaml(data)


def unread(failure: Failure, possible: frozenset[str], policy_id: str | None = None) -> SourceFailure:
    """The failure of a thing that could have been of the `possible` types; none of them means of any."""
    only = next(iter(possible)) if len(possible) == 1 else None
    return SourceFailure(failure.item_id, failure, only, policy_id, frozenset() if only else possible)


def _broken(file: ExportFile, problem: SyntaxProblem) -> SourceFailure:
    """The failure of a file that cannot be read to its end, with what its beginning says about it."""
    code: ReasonCode = reasons.JSON_TRUNCATED if problem.truncated else reasons.JSON_INVALID
    failure = (
        reasons.NESTED_TOO_DEEP.failure(file.origin, file_name=file.origin, limit=MAX_DEPTH)
        if problem.too_deep
        else code.failure(file.origin, file_name=file.origin, line=problem.line, column=problem.column)
    )
    beginning = leading_members(problem.text)
    own_id = beginning.get("id")
    recognised = recognise(beginning, file.folders, file.stem) if beginning else None
    if isinstance(own_id, str) and own_id and recognised is not None:
        return SourceFailure(file.origin, failure, recognised.policy_type, recognised.policy_id)
    if recognised is not None and recognised.policy_type != "unknown":
        return SourceFailure(file.origin, failure, recognised.policy_type)
    return unread(failure, types_for(file.folders), own_id.lower() if isinstance(own_id, str) and own_id else None)
