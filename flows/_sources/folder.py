"""Policies from a folder of exports, whatever tool wrote them: a tree of files, each a policy or a list of them.

Every file is read on its own: one that cannot be is a failure of its own, which says of which types it could have
been. What says so, surest first: the members before a break in the file, the folder's name, and files beside it when
they are all of one type. Nothing of a file is kept once its policies are handed over.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID, uuid5

import orjson

from flows._policies.canonical import canonical, content_hash
from flows._policies.json_shape import GUID
from flows._policies.protocol import Beside, SourceFailure, SourcePolicy
from flows._policies.recognise import is_made_up, recognise, types_for
from flows._policies.tree import MAX_DEPTH, TooDeepError
from flows._policies.types import BY_SLUG, FROM_EXPORTS, UNKNOWN_TYPE, type_for_context
from flows._policies.unread import UNREAD, absent_parts
from flows._sources import folder_reasons as reasons
from flows._sources.folder_file import document_of, unread, why_cut
from flows._sources.forms import FORMS, body_in_graph_shape, left_out, other_kind, stem_of, tool_of
from flows._sources.forms.form import ExportFile
from flows._sources.forms.graph import is_first_page, listed
from flows._sources.opening import checked_root, export_files
from flows._sources.parts import PartStore, definition_list, may_be_part, part_of

FILE_LIMIT: Final = 32 * 1024 * 1024
"""Bytes a file may have. The largest single policies seen have a tenth of it."""

_SIBLINGS: Final = 2
"""So many files of one type, and none of another, make an unreadable one beside them of that type, too."""

Item = SourcePolicy | SourceFailure


@dataclass(slots=True)
class FolderSource:
    """A folder as a source of policies; BadInputError at once if it is missing, no folder, or holds no `*.json`."""

    root: Path
    file_limit: int = FILE_LIMIT
    _types: set[str] = field(default_factory=set[str], init=False)
    _ids: dict[str, tuple[bytes, str]] = field(default_factory=dict[str, tuple[bytes, str]], init=False)
    _parts: PartStore = field(default_factory=PartStore, init=False)
    _others: Counter[str] = field(default_factory=Counter[str], init=False)
    _files: dict[str, ExportFile] = field(default_factory=dict[str, ExportFile], init=False)

    def __post_init__(self) -> None:
        self.root = checked_root(self.root)

    def files(self) -> list[str]:
        """The names of the files that will be read, so that a run knows its items before it begins."""
        return [file.origin for file in export_files(self.root) if not left_out(file)]

    def read(self) -> Iterator[Item]:
        """Every policy and every failure once, folder by folder.

        A failure that names the id of a policy already handed over withdraws that policy: two files claim the id with
        different content, and neither can be believed.
        """
        self._types, self._ids, self._parts = set(), {}, PartStore()
        found = list(export_files(self.root))
        files = [file for file in found if not left_out(file)]
        self._others = Counter(kind for file in found if left_out(file) and (kind := other_kind(file)))
        self._files = {file.origin: file for file in files}
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
            yield self._failed(part.failure or unread(failure, types_for(part.file.folders), part.policy_id))

    def beside(self) -> Beside:
        """The parts in files of their own, the types that were looked for if an own export held more, and the folders of objects
        that are not asked for."""
        more = self._types & BY_SLUG.keys() - FROM_EXPORTS
        asked = FROM_EXPORTS | more if more else None
        return Beside(frozenset(self._parts.names), asked, dict(sorted(self._others.items())))

    def _folder(self, files: list[ExportFile]) -> Iterator[Item]:
        types: dict[str, int] = {}
        undecided: list[SourceFailure] = []
        for file in files:
            for item in self._file(file):
                if isinstance(item, SourcePolicy):
                    types[item.policy_type] = types.get(item.policy_type, 0) + 1
                    yield from self._policy(item)
                elif _is_undecided(item):
                    undecided.append(item)
                else:
                    yield self._failed(item)
        told = next(iter(types)) if len(types) == 1 and sum(types.values()) >= _SIBLINGS else None
        for item in undecided:
            yield self._failed(
                item if told is None else replace(item, policy_type=told, policy_id=None, no_policy=False)
            )

    def _policy(self, policy: SourcePolicy) -> Iterator[Item]:
        try:
            digest = _as_written(policy)
        except (TooDeepError, RecursionError):
            name = policy.origin
            failure = reasons.NESTED_TOO_DEEP.failure(name, file_name=name, limit=MAX_DEPTH)
            yield self._failed(SourceFailure(name, failure, policy.policy_type, policy.policy_id))
            return
        seen, before = self._ids.setdefault(policy.policy_id, (digest, policy.origin))
        if before == policy.origin:
            self._types.add(policy.policy_type)
            absent = absent_parts(policy.policy_type, policy.body)
            yield replace(policy, body={**policy.body, UNREAD: absent}) if absent else policy
        elif seen == digest or self._is_same(before, policy):
            return
        elif is_made_up(policy.policy_id):
            # Two of one name and kind, of which nobody kept the ids, are two.
            yield from self._policy(replace(policy, policy_id=str(uuid5(UUID(policy.policy_id), policy.origin))))
        else:
            for origin in {before, policy.origin}:
                failure = reasons.DUPLICATE_POLICY_ID.failure(origin, file_name=origin, policy_id=policy.policy_id)
                yield self._failed(SourceFailure(origin, failure, policy.policy_type, policy.policy_id))

    def _is_same(self, origin: str, policy: SourcePolicy) -> bool:
        """Whether the policy read before from this origin configures the same. It is read again, since nothing of it was kept."""
        file = self._files.get(origin) or self._files[origin.rpartition("#")[0]]
        read = (item for item in self._file(file) if isinstance(item, SourcePolicy))
        earlier = next((item for item in read if item.origin == origin), None)
        hashes = [content_hash(canonical(one.policy_type, one.body)) for one in (earlier, policy) if one is not None]
        return len(hashes) == 2 and hashes[0] == hashes[1]

    def _file(self, file: ExportFile) -> Iterator[Item]:
        document = document_of(file, self.file_limit)
        if isinstance(document, SourceFailure):
            if document.policy_type is None and (other := other_kind(file)):
                self._others[other] += 1
            else:
                yield document
            return
        part = part_of(document, file)
        if part is not None:
            failure = reasons.PART_WITHOUT_POLICY.failure(file.origin, file_name=file.origin)
            yield unread(failure, types_for(file.folders), part.policy_id)
            return
        bodies = _bodies(document, file)
        types: set[str] = set()
        for number, body in enumerate(bodies):
            origin = file.origin if len(bodies) == 1 else f"{file.origin}#{number + 1}"
            for item in self._body(body, file, origin):
                types |= {item.policy_type} if item.policy_type else set()
                yield item
        if is_first_page(document):
            failure = reasons.PAGE_MISSING.failure(file.origin, file_name=file.origin)
            yield unread(failure, frozenset(types) if len(types) == 1 else types_for(file.folders))

    def _body(self, given: Any, file: ExportFile, origin: str) -> Iterator[Item]:
        if not isinstance(given, dict) or not given:
            yield unread(reasons.FILE_EMPTY.failure(origin, file_name=origin), types_for(file.folders))
            return
        tool = tool_of(cast(dict[str, Any], given))
        if tool is not None:
            failure = reasons.FOREIGN_FORM.failure(origin, file_name=origin, tool=tool)
            yield SourceFailure(origin, failure, None, no_policy=True, foreign=True)
            return
        body = body_in_graph_shape(cast(dict[str, Any], given))
        if isinstance(body.get("error"), dict) and "id" not in body:
            code = cast(dict[str, Any], body["error"]).get("code")
            failure = reasons.EXPORT_HOLDS_ERROR.failure(origin, file_name=origin, graph_error_code=code)
            yield unread(failure, _possible(body, file))
            return
        recognised = recognise(body, file.folders, stem_of(body, file))
        other = other_kind(file)
        if other is not None and (recognised is None or recognised.policy_type == UNKNOWN_TYPE):
            self._others[other] += 1
            return
        if recognised is None:
            if not any(form.own(file) for form in FORMS):
                yield _no_policy(body, file, origin)
            return
        broken = self._parts.complete(body, recognised.policy_id, file)
        if broken is not None:
            yield replace(broken, policy_type=recognised.policy_type, policy_id=recognised.policy_id)
            return
        reason = why_cut(recognised.policy_type, body)
        if reason is not None:
            failure = reason.failure(origin, file_name=origin)
            yield SourceFailure(origin, failure, recognised.policy_type, recognised.policy_id)
            return
        kind, name = recognised.policy_type, recognised.name
        yield SourcePolicy(recognised.policy_id, kind, name, recognised.platform, body, origin)

    def _keep_part(self, file: ExportFile) -> bool:
        """Whether the file is a part; it is then kept for its policy."""
        part = part_of(document_of(file, self.file_limit), file)
        if part is None:
            return False
        self._parts.add(part)
        return True

    def _failed(self, item: SourceFailure) -> SourceFailure:
        if item.policy_type:
            self._types.add(item.policy_type)
        elif item.policy_id is None:
            self._types |= item.possible_types
        return item


def _as_written(policy: SourcePolicy) -> bytes:
    """A digest of the policy as it is written, keys in one order. Raises TooDeepError for one that nests beyond all reason."""
    try:
        data = orjson.dumps(policy.body, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # Deeper than most, or a number beyond 64 bits: only a full reading tells whether it is too deep.
        return content_hash(canonical(policy.policy_type, policy.body))
    return hashlib.sha256(data).digest()


def _is_undecided(item: SourceFailure) -> bool:
    """Whether the files beside it decide of which type it could be."""
    if item.no_policy:
        return item.failure.reason_code == reasons.NOT_A_POLICY.code
    return item.policy_type is None and not item.possible_types and item.policy_id is None


def _no_policy(body: dict[str, Any], file: ExportFile, origin: str) -> SourceFailure:
    """The failure of an object that was read and not recognised.

    In the folder of one type, or by a context that names one, it is a policy of that type in a form not known; with a type
    of its own it is none, whatever folder it is in. With an id and a name and no type it may be one of a type not known
    here, which is to be told.
    """
    failure = reasons.NOT_A_POLICY.failure(origin, file_name=origin)
    possible = _possible(body, file)
    typed = isinstance(body.get("@odata.type"), str)
    if len(possible) == 1 and not typed:
        return unread(failure, possible)
    may_be = not typed and "id" in body and bool({"displayName", "name"} & body.keys())
    own = str(body["id"]).lower() if may_be and GUID.fullmatch(str(body["id"])) else None
    return SourceFailure(origin, failure, None, own, no_policy=True, foreign=may_be)


def _possible(body: dict[str, Any], file: ExportFile) -> frozenset[str]:
    """The types that something not read may be of: by its context, else by its folder."""
    told = type_for_context(body.get("@odata.context"))
    return frozenset({told.slug}) if told else types_for(file.folders)


def _bodies(document: Any, file: ExportFile) -> list[Any]:
    definitions = definition_list(document)
    if definitions is not None:
        return [{"displayName": file.stem, "definitionValues": definitions}]
    members = listed(document)
    return [document] if members is None else members
