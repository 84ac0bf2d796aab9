"""Parts of policies that exports keep in files of their own, and lists that stand for a policy.

Some tools write `Settings Catalog/Assignments/X.json` beside `Settings Catalog/X.json`, some the answer of
`…/configurationPolicies('id')/settings` as it came. A part belongs to the policy whose id it names, otherwise to the
one of the same file name in the folder above or beside.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from flows._policies.json_shape import GUID, as_list, as_object
from flows._policies.protocol import SourceFailure
from flows._sources.forms.form import ExportFile
from flows._sources.forms.graph import NEXT, PARTS, is_first_page

_CONTEXT: Final = re.compile(rf"\('([^')]+)'\)/({'|'.join(PARTS)})\b", re.IGNORECASE)
_SUFFIX: Final = re.compile(rf"[ _.-]+({'|'.join(PARTS)})$", re.IGNORECASE)
_NAMES: Final = {name.lower(): name for name in PARTS}
_OWNER: Final = re.compile(r"([0-9a-fA-F-]{36})_")


@dataclass(slots=True)
class PartFile:
    """Elements of one part of one policy. `policy_id` is `None` when only the file's place says whose it is.

    `failure` says why a file that would be a part by its place could not be read.
    """

    name: str
    elements: list[Any]
    file: ExportFile
    policy_id: str | None
    whole: bool = True
    used: bool = False
    failure: SourceFailure | None = None

    @property
    def place(self) -> tuple[str, str]:
        """The folder and file name its policy would have."""
        folder, _, _ = self.file.origin.rpartition("/")
        above, _, last = folder.rpartition("/")
        return (above if last.casefold() in _NAMES else folder).casefold(), _SUFFIX.sub("", self.file.stem).casefold()


@dataclass(slots=True)
class PartStore:
    """The parts found so far, by policy id and by place, and the names of those there are any of."""

    by_id: dict[tuple[str, str], PartFile] = field(default_factory=dict[tuple[str, str], PartFile])
    by_place: dict[tuple[str, str, str], PartFile] = field(default_factory=dict[tuple[str, str, str], PartFile])
    names: set[str] = field(default_factory=set[str])

    def add(self, part: PartFile) -> None:
        """Keeps a part until its policy comes."""
        self.names.add(part.name)
        if part.policy_id:
            self.by_id[(part.policy_id, part.name)] = part
        self.by_place[(*part.place, part.name)] = part

    def complete(self, body: dict[str, Any], policy_id: str, file: ExportFile) -> SourceFailure | None:
        """Puts the parts of this policy into its body, where the body does not carry them itself; the failure of one that could
        not be read."""
        failed: SourceFailure | None = None
        folder, _, _ = file.origin.rpartition("/")
        place = (folder.casefold(), file.stem.casefold())
        for part_name in _NAMES.values():
            part = self.by_id.get((policy_id, part_name)) or self.by_place.get((*place, part_name))
            if part is None or (part.policy_id and part.policy_id != policy_id):
                continue
            part.used = part.failure is None or not body.get(part_name)
            if part.failure is not None and part.used:
                failed = part.failure
            elif not body.get(part_name):
                body[part_name] = part.elements
                if not part.whole:
                    body[f"{part_name}{NEXT}"] = True
        return failed

    def left_over(self) -> list[PartFile]:
        """The parts whose policy never came, each once."""
        unused = {part.file.origin: part for part in (*self.by_id.values(), *self.by_place.values()) if not part.used}
        return [unused[origin] for origin in sorted(unused)]


def may_be_part(file: ExportFile) -> bool:
    """Whether the file's name or folder says that it holds a part: then it is read before the policies."""
    folder = file.folders[0].casefold() if file.folders else ""
    # A folder `Settings` at the top holds policies with some tools; below a type's folder it holds parts.
    return folder == "assignments" or bool(_SUFFIX.search(file.stem)) or (folder in _NAMES and len(file.folders) > 1)


def part_of(document: Any, file: ExportFile) -> PartFile | None:
    """The part a file's JSON is; `None` if it is not a part, whatever its name says. A file that could not be read is one by
    its place alone, unless its beginning says that it is a policy."""
    if isinstance(document, SourceFailure):
        name = None if document.policy_id else _name_by_place(file)
        return PartFile(name, [], file, _owner([], file), failure=document) if name else None
    context: Any = None
    elements: Any = document
    if isinstance(document, dict):
        wrapped = cast(dict[str, Any], document)
        context = wrapped.get("@odata.context")
        elements = wrapped.get("value")
    for single in cast(tuple[Any, ...], (elements, document)):
        # PowerShell writes a list of one element as the element.
        if not isinstance(elements, list) and _is_element(single, file):
            elements = [single]
    if not isinstance(elements, list):
        return None
    members = as_list(cast(object, elements))
    if not all(isinstance(element, dict) for element in members):
        return None
    named = _CONTEXT.search(context) if isinstance(context, str) else None
    if named:
        whole = not is_first_page(document)
        return PartFile(_NAMES[named.group(2).lower()], members, file, named.group(1).lower(), whole)
    if not members:
        kept = _name_by_place(file) if may_be_part(file) else None
        return PartFile(kept, [], file, _owner(members, file)) if kept else None
    name = _shape(members)
    if name is None or (name == "definitionValues" and not may_be_part(file)):
        return None
    return PartFile(name, members, file, _owner(members, file), not is_first_page(document))


def _is_element(single: Any, file: ExportFile) -> bool:
    found = as_object(single)
    return bool(found) and (_is_assignment(found) or (may_be_part(file) and _shape([{**found}]) == "settings"))


def definition_list(document: Any) -> list[dict[str, Any]] | None:
    """The definition values of an administrative template whose export is the bare list of them; `None` for others."""
    members = as_list(document)
    whole = bool(members) and all(isinstance(item, dict) for item in members)
    return members if whole and _shape(members) == "definitionValues" else None


def _shape(members: list[dict[str, Any]]) -> str | None:
    if all(_is_assignment(member) for member in members):
        return "assignments"
    if all("settingInstance" in member and not _names_itself(member) for member in members):
        return "settings"
    if all({"value", "valueJson"} & member.keys() and "definitionId" in member for member in members):
        return "settings"
    if all("enabled" in member and ("definition" in member or "definition@odata.bind" in member) for member in members):
        return "definitionValues"
    if all("scheduledActionConfigurations" in member and not _names_itself(member) for member in members):
        return "scheduledActionsForRule"
    return None


def _is_assignment(member: Mapping[str, Any]) -> bool:
    return isinstance(member.get("target"), dict) and not _names_itself(member)


def _names_itself(member: Mapping[str, Any]) -> bool:
    return "displayName" in member or "name" in member


def _owner(members: list[dict[str, Any]], file: ExportFile) -> str | None:
    owners = {
        found.group(1).lower() for member in members if (found := _OWNER.match(str(member.get("id") or ""))) is not None
    }
    if len(owners) == 1:
        return owners.pop()
    in_name = GUID.search(file.stem)
    return in_name.group().lower() if in_name else None


def _name_by_place(file: ExportFile) -> str | None:
    """The part whose elements a file holds by its name, or by its folder's."""
    in_name = _SUFFIX.search(file.stem)
    return _NAMES.get(in_name.group(1).lower() if in_name else file.folders[0].casefold())
