"""Policies from a folder of exports, whatever tool wrote them: a tree of `*.json`, each file a policy or a list of them.

Every file is read on its own: one that cannot be is a failure of its own, and the ledger says which types it could have
been. What says so, surest first: the members before a break in the file, the folder's name, and files beside it when
they are all of one type. Nothing of a file is kept once its policies are handed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, cast

from flows._policies.canonical import canonical, content_hash
from flows._policies.protocol import SourceFailure, SourcePolicy, TypeLedger
from flows._policies.recognise import Recognised, recognise, types_for
from flows._policies.tree import MAX_DEPTH, TooDeepError
from flows._sources import folder_reasons as reasons
from flows._sources.folder_walk import ExportFile, checked_root, export_files
from flows._sources.json_text import EmptyError, EncodingError, SyntaxProblem, leading_members, parse
from flows._sources.parts import PartStore, definition_list, may_be_part, part_of
from runstore.reasons import ReasonCode
from runstore.runs.run import Failure

FILE_LIMIT: Final = 32 * 1024 * 1024
"""Bytes a file may have. The largest single policies seen have a tenth of it."""

ANY_TYPE: Final = "*"
"""The ledger's slug for what could have been of any type."""

_SIBLINGS: Final = 2
"""So many files of one type, and none of another, make an unreadable one beside them of that type, too."""

_BROUGHT_ALONG: Final = frozenset({"migrationtable"})

Item = SourcePolicy | SourceFailure


@dataclass(slots=True)
class _Seen:
    digest: bytes
    origin: str


@dataclass(slots=True)
class FolderSource:
    """A folder as a source of policies; BadInputError at once if it is missing, no folder, or holds no `*.json`."""

    root: Path
    file_limit: int = FILE_LIMIT
    _ledger: dict[str, TypeLedger] = field(default_factory=dict[str, TypeLedger], init=False)
    _ids: dict[str, _Seen] = field(default_factory=dict[str, _Seen], init=False)
    _parts: PartStore = field(default_factory=PartStore, init=False)

    def __post_init__(self) -> None:
        self.root = checked_root(self.root)

    def files(self) -> list[str]:
        """The names of the files that will be read, so that a run knows its items before it begins."""
        return [file.origin for file in export_files(self.root) if not _brought_along(file)]

    def read(self) -> Iterator[Item]:
        """Every policy and every failure once, folder by folder.

        A failure that names the id of a policy already handed over withdraws that policy: two files claim the id with
        different content, and neither can be believed.
        """
        self._ledger, self._ids, self._parts = {}, {}, PartStore()
        files = [file for file in export_files(self.root) if not _brought_along(file)]
        early = [file for file in files if may_be_part(file)]
        taken = {file.origin for file in early if self._keep_part(file)}
        beside: dict[str, list[ExportFile]] = {}
        for file in files:
            if file.origin not in taken:
                beside.setdefault(file.origin.rpartition("/")[0], []).append(file)
        for together in beside.values():
            yield from self._folder(together)
        for part in self._parts.left_over():
            failure = reasons.PART_WITHOUT_POLICY.failure(part.file.origin, file_name=part.file.origin)
            yield self._failed(_unread(failure, types_for(part.file.folders), part.policy_id))

    def ledger(self) -> Mapping[str, TypeLedger]:
        """Type → how much of it was read; true once `read()` is exhausted."""
        return dict(self._ledger)

    def _folder(self, files: list[ExportFile]) -> Iterator[Item]:
        types: dict[str, int] = {}
        undecided: list[SourceFailure] = []
        for file in files:
            for item in self._file(file):
                if isinstance(item, SourcePolicy):
                    types[item.policy_type] = types.get(item.policy_type, 0) + 1
                    yield from self._policy(item)
                elif (
                    item.policy_type is None
                    and not item.no_policy
                    and not item.possible_types
                    and item.policy_id is None
                ):
                    undecided.append(item)
                else:
                    yield self._failed(item)
        told = next(iter(types)) if len(types) == 1 and sum(types.values()) >= _SIBLINGS else None
        for item in undecided:
            yield self._failed(replace(item, policy_type=told))

    def _policy(self, policy: SourcePolicy) -> Iterator[Item]:
        try:
            digest = content_hash(canonical(policy.policy_type, policy.body))
        except (TooDeepError, RecursionError):
            name = policy.origin
            failure = reasons.NESTED_TOO_DEEP.failure(name, file_name=name, limit=MAX_DEPTH)
            yield self._failed(SourceFailure(name, failure, policy.policy_type, policy.policy_id))
            return
        seen = self._ids.get(policy.policy_id)
        if seen is None:
            self._ids[policy.policy_id] = _Seen(digest, policy.origin)
            self._count(policy.policy_type, policies=1)
            yield policy
        elif seen.digest != digest:
            for origin in {seen.origin, policy.origin}:
                failure = reasons.DUPLICATE_POLICY_ID.failure(origin, file_name=origin, policy_id=policy.policy_id)
                yield self._failed(SourceFailure(origin, failure, policy.policy_type, policy.policy_id))

    def _file(self, file: ExportFile) -> Iterator[Item]:
        document = self._document(file)
        if isinstance(document, SourceFailure):
            yield document
            return
        part = part_of(document, file)
        if part is not None:
            failure = reasons.PART_WITHOUT_POLICY.failure(file.origin, file_name=file.origin)
            yield _unread(failure, types_for(file.folders), part.policy_id)
            return
        bodies = _bodies(document, file)
        for number, body in enumerate(bodies):
            origin = file.origin if len(bodies) == 1 else f"{file.origin}#{number + 1}"
            yield self._body(body, file, origin)

    def _body(self, body: Any, file: ExportFile, origin: str) -> Item:
        if not isinstance(body, dict) or not body:
            return _unread(reasons.FILE_EMPTY.failure(origin, file_name=origin), types_for(file.folders))
        found = cast(dict[str, Any], body)
        if isinstance(found.get("error"), dict) and "id" not in found:
            code = cast(dict[str, Any], found["error"]).get("code")
            failure = reasons.EXPORT_HOLDS_ERROR.failure(origin, file_name=origin, graph_error_code=code)
            return _unread(failure, types_for(file.folders))
        recognised = recognise(found, file.folders, file.stem)
        if recognised is None:
            # It was read, and it is no policy: nothing is unknown because of it.
            return SourceFailure(origin, reasons.NOT_A_POLICY.failure(origin, file_name=origin), None, no_policy=True)
        self._parts.complete(found, recognised.policy_id, file)
        return _policy_of(recognised, found, origin)

    def _document(self, file: ExportFile) -> Any:
        possible = types_for(file.folders)
        if not file.readable:
            return _unread(reasons.FILE_UNREADABLE.failure(file.origin, file_name=file.origin), possible)
        if file.size > self.file_limit:
            return _unread(
                reasons.FILE_TOO_LARGE.failure(
                    file.origin, file_name=file.origin, size=file.size, limit=self.file_limit
                ),
                possible,
            )
        try:
            with file.path.open("rb") as handle:
                data = handle.read(self.file_limit + 1)
        except OSError:
            return _unread(reasons.FILE_UNREADABLE.failure(file.origin, file_name=file.origin), possible)
        try:
            return parse(data)
        except EmptyError:
            return _unread(reasons.FILE_EMPTY.failure(file.origin, file_name=file.origin), possible)
        except EncodingError as problem:
            failure = reasons.FILE_ENCODING.failure(file.origin, file_name=file.origin, position=problem.position)
            return _unread(failure, possible)
        except SyntaxProblem as problem:
            return _broken(file, problem)

    def _keep_part(self, file: ExportFile) -> bool:
        """Whether the file is a part; it is then kept for its policy. A file that cannot be read is met again later."""
        document = self._document(file)
        part = None if isinstance(document, SourceFailure) else part_of(document, file)
        if part is None:
            return False
        self._parts.add(part)
        return True

    def _failed(self, item: SourceFailure) -> SourceFailure:
        if item.no_policy:
            return item
        if item.policy_id is not None:
            self._count(item.policy_type or ANY_TYPE, failures=1)
        elif item.policy_type:
            self._count(item.policy_type, failures=1, incomplete=True)
        else:
            for slug in item.possible_types or {ANY_TYPE}:
                self._count(slug, failures=1, incomplete=True)
        return item

    def _count(self, slug: str, *, policies: int = 0, failures: int = 0, incomplete: bool = False) -> None:
        entry = self._ledger.get(slug) or TypeLedger(slug, complete=True, policies=0, failures=0)
        self._ledger[slug] = TypeLedger(
            slug,
            complete=entry.complete and not incomplete,
            policies=entry.policies + policies,
            failures=entry.failures + failures,
        )


def _policy_of(recognised: Recognised, body: dict[str, Any], origin: str) -> SourcePolicy:
    return SourcePolicy(
        recognised.policy_id, recognised.policy_type, recognised.name, recognised.platform, body, origin
    )


def _unread(failure: Failure, possible: frozenset[str], policy_id: str | None = None) -> SourceFailure:
    only = next(iter(possible)) if len(possible) == 1 else None
    return SourceFailure(failure.item_id, failure, only, policy_id, frozenset() if only else possible)


def _broken(file: ExportFile, problem: SyntaxProblem) -> SourceFailure:
    """The failure of a file that is no JSON to its end, with what its beginning says about it."""
    reason: ReasonCode = reasons.JSON_TRUNCATED if problem.truncated else reasons.JSON_INVALID
    failure = (
        reasons.NESTED_TOO_DEEP.failure(file.origin, file_name=file.origin, limit=MAX_DEPTH)
        if problem.too_deep
        else reason.failure(file.origin, file_name=file.origin, line=problem.line, column=problem.column)
    )
    beginning = leading_members(problem.text)
    own_id = beginning.get("id")
    recognised = recognise(beginning, file.folders, file.stem) if beginning else None
    if isinstance(own_id, str) and own_id and recognised is not None:
        return SourceFailure(file.origin, failure, recognised.policy_type, recognised.policy_id)
    if recognised is not None and recognised.policy_type != "unknown":
        return SourceFailure(file.origin, failure, recognised.policy_type)
    return _unread(failure, types_for(file.folders), own_id.lower() if isinstance(own_id, str) and own_id else None)


def _bodies(document: Any, file: ExportFile) -> list[Any]:
    definitions = definition_list(document)
    if definitions is not None:
        return [{"displayName": file.stem, "definitionValues": definitions}]
    if isinstance(document, list):
        return cast(list[Any], document) or [None]
    if isinstance(document, dict):
        wrapped = cast(dict[str, Any], document)
        inner = wrapped.get("value")
        if isinstance(inner, list) and not {"displayName", "name"} & wrapped.keys():
            context = wrapped.get("@odata.context")
            members = cast(list[Any], inner)
            # What the list says of itself counts for every member that says nothing.
            return [
                {"@odata.context": context, **cast(dict[str, Any], member)}
                if isinstance(member, dict) and isinstance(context, str)
                else member
                for member in members
            ]
        if isinstance(inner, dict) and not {"displayName", "name"} & wrapped.keys():
            return [inner]
    return [document]


def _brought_along(file: ExportFile) -> bool:
    """Whether export tools write such a file for their own use, so that nobody expects a policy in it."""
    return file.stem.casefold() in _BROUGHT_ALONG or (bool(file.folders) and file.folders[0].casefold() == "groups")
