"""IntuneManagement: settings in a file beside the policy, references as remarks, lists of one element as the element.

`NAME_Settings.json` holds `{"settings": […]}` of an intent or the bare values of an administrative template. What it could
not keep as a reference it writes as `#CustomRef_PROPERTY`: `NAME|:|ADDRESS`. Some versions wrote a list of one element as the
element itself, and an empty one as null.
"""

from typing import Any, Final, cast

from flows._policies.content import names
from flows._policies.json_shape import as_object
from flows._sources.forms.form import Body, ExportFile, Form

_OWN_FILE: Final = "migrationtable"
_SETTINGS_FILE: Final = "_settings"
_REFERENCE: Final = "#CustomRef_"
_APART: Final = "|:|"
_TOP: Final = frozenset({"settings", "apps"})
"""Lists of the policy itself; below it the same names stand for objects."""

_OF_OBJECTS: Final = names(
    """
    assignments settingsDelta definitionValues presentationValues scheduledActionsForRule scheduledActionConfigurations
    omaSettings localizedNotificationMessages children simpleSettingCollectionValue choiceSettingCollectionValue
    groupSettingCollectionValue rolePermissions resourceActions targetedMobileApps
    """
)
LISTS: Final = _OF_OBJECTS | names(
    """
    roleScopeTagIds roleScopeTags allowedResourceActions notAllowedResourceActions notificationMessageCCList customSettings
    ipRanges includeUsers excludeUsers includeGroups excludeGroups includeRoles excludeRoles includeApplications
    excludeApplications includeUserActions clientAppTypes includePlatforms excludePlatforms includeLocations
    excludeLocations userRiskLevels signInRiskLevels servicePrincipalRiskLevels builtInControls termsOfUse
    customAuthenticationFactors homeScreenDockIcons homeScreenPages onDemandRules dnsServers domainNames
    platformRestrictions
    """
)
"""Properties of policies that are lists in Graph's schema wherever they stand."""

_TOP_LISTS: Final = _TOP | LISTS
_NO_TEXTS: Final = _TOP | _OF_OBJECTS


def _leaves_out(file: ExportFile) -> bool:
    of_groups = bool(file.folders) and file.folders[0].casefold() == "groups"
    return file.stem.casefold() == _OWN_FILE or of_groups


def _document(document: Any, file: ExportFile) -> Any:
    """The settings of an intent's own file as the bare list, which is a part of the policy beside it."""
    found = as_object(document)
    if not file.stem.casefold().endswith(_SETTINGS_FILE) or {"id", "displayName", "name"} & found.keys():
        return document
    settings = found.get("settings")
    if isinstance(settings, dict):
        return [settings]
    return cast(list[Any], settings) if isinstance(settings, list) else document


def _body(body: Body) -> Body:
    named = {_named(key): value for key, value in body.items()}
    return cast(Body, _lists(named, _TOP_LISTS)) if _has_single(named) else named


def _has_single(body: Body) -> bool:
    """Whether a list of one element is written as the element anywhere in the policy; in most exports none is."""
    lists, waiting = _TOP_LISTS, [body]
    while waiting:
        for key, value in waiting.pop().items():
            if isinstance(value, list):
                for member in cast(list[Any], value):
                    if isinstance(member, dict):
                        waiting.append(cast(Body, member))
                    elif isinstance(member, list):
                        waiting.append({"": member})
            elif key in lists and _is_single(key, value):
                return True
            elif isinstance(value, dict):
                waiting.append(cast(Body, value))
        lists = LISTS
    return False


def _named(key: str) -> str:
    """`#CustomRef_RootCertificate` as the reference it stands for; other remarks stay remarks."""
    name = key.removeprefix(_REFERENCE)
    return key if name == key or not name else f"{name[0].lower()}{name[1:]}@odata.bind"


def _lists(value: Any, lists: frozenset[str], depth: int = 0) -> Any:
    """The value with every list of one element a list again; itself where there is none."""
    if depth > 100:
        return value
    if isinstance(value, list):
        return [_lists(item, LISTS, depth + 1) for item in cast(list[Any], value)]
    if not isinstance(value, dict):
        return value
    return {
        key: _lists([item] if key in lists and _is_single(key, item) else item, LISTS, depth + 1)
        for key, item in cast(Body, value).items()
    }


def _is_single(key: str, item: Any) -> bool:
    # A text where objects belong is what PowerShell left of them, and no element.
    return isinstance(item, dict) or (isinstance(item, str) and bool(item) and key not in _NO_TEXTS)


FORM: Final = Form(
    "IntuneManagement",
    leaves_out=_leaves_out,
    document=_document,
    body=_body,
    others=names("applications azurebranding devicecategories groups intunebranding policysets termsandconditions"),
)
