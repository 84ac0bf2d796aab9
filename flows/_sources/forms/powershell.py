"""The Graph SDKs: PowerShell's objects in PascalCase, JavaScript's `odataType`, and what a language leaves of an object that it
writes as a text, as `ConvertTo-Json` does below its depth."""

import re
from typing import Any, Final, cast

from flows._policies.content import names
from flows._policies.json_shape import GUID, as_object
from flows._sources.forms.form import Body, ExportFile, Form
from flows._sources.forms.intune_management import LISTS

_NAMES: Final = frozenset({"DisplayName", "Name", "Id"})
_MORE: Final = ("AdditionalProperties", "additionalData")
_UNLOADED: Final = frozenset({"assignments", "settings", "definitionValues", "scheduledActionsForRule"})
"""What the SDK writes as null, or as an empty list, because nobody asked Graph for it."""

_TYPE_NAME: Final = re.compile(
    r"(?:(?:System\.(?:Object\[\]|Collections\.[\w.`\[\],]+|Management\.Automation\.[\w.]+)"
    r"|Microsoft\.Graph(?:\.Beta)?(?:\.PowerShell)?\.Models\.[\w.\[\]]+|\[object Object\]"
    r"|<[\w.]+ object at 0x[0-9a-fA-F]+>)(?:[ ,] ?(?=\S)|$))+"
)
_HASH: Final = re.compile(r"@\{(?:[^{}]*=.*)?\}", re.DOTALL)
_STARTS: Final = ("System.", "Microsoft.Graph.", "@{", "[object ", "<")
_IDS: Final = re.compile(rf"(?:\d+|{GUID.pattern})(?: (?:\d+|{GUID.pattern}))+")
"""What is left of a list of ids."""
_FREE_TEXT: Final = frozenset({"description", "displayName", "name", "notes"})
_OBJECTS: Final = names(
    """
    settingInstance choiceSettingValue simpleSettingValue groupSettingValue children settings settingsDelta assignments
    choiceSettingCollectionValue simpleSettingCollectionValue groupSettingCollectionValue scheduledActionsForRule
    scheduledActionConfigurations definitionValues presentationValues omaSettings templateReference conditions grantControls
    """
)
"""Properties that hold objects: a text in their place is one that was cut off there."""


def _document(document: Any, file: ExportFile) -> Any:
    found = as_object(document)
    return (
        {**found, "value": found["Value"]}
        if isinstance(found.get("Value"), list) and "value" not in found
        else document
    )


def _body(body: Body) -> Body:
    if "odataType" in body:
        return cast(Body, _camel(body, 0))
    if not _NAMES & body.keys() or {"displayName", "name", "id"} & body.keys():
        return body
    found = cast(Body, _camel(body, 0))
    return {key: value for key, value in found.items() if value or key not in _UNLOADED}


def _camel(value: Any, depth: int) -> Any:
    if depth > 100:
        return value
    if isinstance(value, list):
        return [_camel(item, depth + 1) for item in cast(list[Any], value)]
    if not isinstance(value, dict):
        return value
    found = cast(Body, value)
    if {"Ticks", "TotalDays"} <= found.keys():
        # A duration, in ten millions of a second.
        return f"PT{int(found['Ticks']) // 10_000_000}S"
    own = {_property(key): _camel(item, depth + 1) for key, item in found.items() if key not in _MORE}
    # What the SDK has no property for keeps the names that Graph gave it.
    return {**own, **{key: item for more in _MORE for key, item in as_object(found.get(more)).items()}}


def _property(key: str) -> str:
    return "@odata.type" if key.casefold() == "odatatype" else key[:1].lower() + key[1:]


def _cut(body: Body) -> bool:
    waiting: list[tuple[str, Any]] = list(body.items())
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, str):
            if key in _OBJECTS or (value.startswith(_STARTS) and _is_rest(key, value)):
                return True
            # An empty list becomes an empty text, one of ids a line of them.
            if key in LISTS and (not value or _IDS.fullmatch(value)):
                return True
        elif isinstance(value, dict):
            waiting += cast(Body, value).items()
        elif isinstance(value, list):
            waiting += [(key, member) for member in cast(list[Any], value) if member != ""]
    return False


def _is_rest(key: str, value: str) -> bool:
    return key not in _FREE_TEXT and bool(_TYPE_NAME.fullmatch(value) or _HASH.fullmatch(value))


FORM: Final = Form("PowerShell", document=_document, body=_body, cut=_cut)
