"""One file of an export → its content in Graph's shape, or the failure that says what it could have been."""

import re
from typing import Any, Final, cast

from flows._policies.json_shape import as_list, as_object
from flows._policies.protocol import SourceFailure
from flows._policies.recognise import recognise, types_for
from flows._policies.tree import MAX_DEPTH
from flows._policies.types import BY_SLUG
from flows._sources import folder_reasons as reasons
from flows._sources.forms import FORMS, document_in_graph_shape
from flows._sources.forms.form import ExportFile
from flows._sources.forms.graph import NEXT
from flows._sources.json_text import EmptyError, EncodingError, SyntaxProblem, leading_members, parse
from runstore.reasons import ReasonCode
from runstore.runs.run import Failure


def document_of(file: ExportFile, limit: int) -> Any:
    """What the file holds, or a SourceFailure. `limit` is the most bytes it may have."""

    def why(reason: ReasonCode, **fields: object) -> SourceFailure:
        return unread(reason.failure(file.origin, file_name=file.origin, **fields), types_for(file.folders))

    if not file.readable:
        failure = reasons.FILE_UNREADABLE.failure(file.origin, file_name=file.origin)
        return unread(failure, types_for((file.stem, *file.folders)))
    if file.size > limit:
        return why(reasons.FILE_TOO_LARGE, size=file.size, limit=limit)
    try:
        with file.path.open("rb") as handle:
            data = handle.read(limit + 1)
        return document_in_graph_shape(_parsed(data, file), file)
    except OSError:
        return why(reasons.FILE_UNREADABLE)
    except EmptyError:
        return why(reasons.FILE_EMPTY)
    except EncodingError as problem:
        return why(reasons.FILE_ENCODING, position=problem.position)
    except SyntaxProblem as problem:
        return _broken(file, problem)


_ANOTHER: Final = re.compile(r"\}\s*\{")


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
    # With another object behind the first, nobody knows whose ids follow.
    own_id = None if _ANOTHER.search(problem.text) and not problem.truncated else beginning.get("id")
    recognised = recognise(beginning, file.folders, file.stem) if beginning else None
    if isinstance(own_id, str) and own_id and recognised is not None:
        return SourceFailure(file.origin, failure, recognised.policy_type, recognised.policy_id)
    if recognised is not None and recognised.policy_type != "unknown":
        return SourceFailure(file.origin, failure, recognised.policy_type)
    return unread(failure, types_for(file.folders), own_id.lower() if isinstance(own_id, str) and own_id else None)


def why_cut(policy_type: str, body: dict[str, Any]) -> ReasonCode | None:
    """The reason a policy that was read is not whole; `None` for one that is, as far as it says.

    A part that is absent altogether is another matter (`flows._policies.unread`): the rest of such a policy is known.
    """
    if any(form.cut(body) for form in FORMS):
        return reasons.VALUE_CUT
    inside = (as_object(one) for part in body.values() if isinstance(part, list) for one in as_list(cast(object, part)))
    if any(key.endswith(NEXT) and value for one in (body, *inside) for key, value in one.items()):
        return reasons.PART_CUT
    entry = BY_SLUG.get(policy_type)
    for part in (part for collection in entry.collections for part in collection.parts) if entry else ():
        said = body.get(part.count_property) if part.count_property else None
        if part.name in body and isinstance(said, int) and said > len(as_list(body[part.name])):
            return reasons.PART_CUT
    return None
