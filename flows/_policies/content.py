"""What a policy type declares of its content: how its settings are read, what names the elements of its lists, which
lists a device follows in order, what the service keeps for itself, and which values say no more than nothing.

Keys are property names. `holder/name` means the property only where it stands in `holder`. What no type declares is read by
`DEFAULT`: its settings are its properties, order means nothing, and the elements of a list are told apart by `id`, else
`key`, else `name`, else `displayName`, where every element has one of its own; otherwise the list is a set.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from flows._policies.tree import Tree

Identity = tuple[str, ...]
"""Properties whose values together name an element of a list; an empty one stands for "not there"."""

SettingsReader = Callable[[dict[str, Any]], dict[str, Tree]]
"""Takes the settings out of a policy's properties and gives them as a tree."""

BY_NAME: Final[tuple[Identity, ...]] = (("id",), ("key",), ("name",), ("displayName",))


def names(text: str) -> frozenset[str]:
    """The names in a text, apart by spaces."""
    return frozenset(text.split())


TEXTS: Final = names(
    """
    scriptContent detectionScriptContent remediationScriptContent rulesContent payload payloadJson encodedSettingXml
    configurationXml
    """
)
"""Properties that carry a text in base64, in whatever type: they are compared, shown and searched for secrets as the text."""

PROSE: Final = names("description subject messageTemplate bodyText acceptanceStatement")
"""Texts for people. The portal's form and Graph move spaces at a line's end, so those say nothing."""

NOTHING: Final[Mapping[str, frozenset[str]]] = dict.fromkeys(
    names(
        # What a form in the portal was left empty for comes as "" from one client and as null from the next. Without a
        # template Graph writes an empty reference or none, depending on the client that made the policy.
        """
        description notes publisher owner developer informationUrl privacyInformationUrl deviceNameTemplate fileName
        templateId templateDisplayName templateDisplayVersion
        """
    ),
    frozenset({""}),
)
"""Property → texts that are as good as leaving it out."""

NEVER: Final = "0001-01-01T"
"""How a moment begins that never was: some clients write the first of their calendar where Graph answers null."""

_GUID: Final = r"\{?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}?"
GUID: Final = re.compile(rf"(?:T_)?{_GUID}(?:_[A-Za-z0-9]{{1,40}})?")
"""The id of an object in Microsoft Graph, with the words that Intune puts around some."""
HASH: Final = re.compile(r"(?:[0-9a-fA-F]{2}[: -]?){16,64}|[A-Za-z0-9+/]{27,86}={0,2}")
"""A digest of something that is not a secret, in hexadecimal or base64."""
DEFINITION: Final = re.compile(
    # What no definition has, but keys do, is left to the fence.
    r"(?!.*(?:[0-9a-f]{16}|[0-9]{5}-[0-9]{5}|(?:[0-9][a-z]{1,40}){2}|(?:[0-9]{1,9}[a-z]{1,40}){3}"
    r"|(?<![a-z0-9])(?=[a-z]*[0-9])[a-z0-9]{16}))"
    r"(?:(?:(?:device|user)_)?vendor_msft_[a-z0-9_.~{}()-]{1,400}|linux_[a-z0-9_]{1,200}|com\.apple\.[a-z0-9_.-]{1,200})"
)
"""A setting's definition or one of its options, by the roots under which Intune publishes them."""
MOMENT: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:T[0-9:.]{5,20}(?:Z|[+-]\d\d:\d\d)?)?|-?PT?(?:\d{1,6}[YMWDTHS.]{1,2}){1,8}"
)

_GUIDS: Final = """
    id groupId templateId tenantId appId clientAppId policyId sourceId deviceAndAppManagementAssignmentFilterId
    notificationTemplateId roleScopeTagIds includeGroups excludeGroups includeUsers excludeUsers includeRoles
    includeApplications excludeApplications excludeRoles includeLocations
    """
KNOWN: Final[Mapping[str, re.Pattern[str]]] = {
    **dict.fromkeys(names(_GUIDS), GUID),
    **dict.fromkeys(names("settingDefinitionId definitionId choiceSettingValue"), DEFINITION),
    **dict.fromkeys(names("thumbprint certificateThumbprint sha1Thumbprint fileHash sha256Hash"), HASH),
    **dict.fromkeys(names("createdDateTime lastModifiedDateTime modifiedDateTime startDateTime"), MOMENT),
}
"""Property → the shape that its schema gives it. What has the shape is not free text and stays as it is; what has not is."""


@dataclass(frozen=True, slots=True)
class Content:
    """The declaration of one type; each field adds to what holds for all."""

    settings: SettingsReader | None = None
    elements: Mapping[str, tuple[Identity, ...]] = field(default_factory=dict[str, tuple[Identity, ...]])
    """List → the identities its elements may have, best first; what is declared empty is a set."""
    ordered: frozenset[str] = frozenset()
    """Lists whose order a device follows."""
    kept: frozenset[str] = frozenset()
    """Properties that the service counts, dates or derives: of the policy itself, or `holder/name`."""
    nothing: Mapping[str, frozenset[str]] = field(default_factory=dict[str, Any])
    typed: frozenset[str] = frozenset()
    """Lists whose elements differ in meaning by `@odata.type` alone (an OMA integer and an OMA string)."""
    naming_child: re.Pattern[str] | None = None
    """Definition ids of the settings that name an instance of a collection."""
    known: Mapping[str, re.Pattern[str]] = field(default_factory=dict[str, Any])
    """Property → the shape its schema gives it, beside `KNOWN`. All other texts are free text."""

    def identities(self, name: str) -> tuple[Identity, ...]:
        """What may name an element of the list `name`."""
        return self.elements.get(name, BY_NAME)

    def is_ordered(self, name: str | None, holder: str | None) -> bool:
        """Whether the list `name`, standing in `holder`, means something by its order."""
        return name in self.ordered or f"{holder}/{name}" in self.ordered

    def is_known(self, name: str, text: str) -> bool:
        """Whether a text at this property is what the schema says, so that it can be no secret."""
        shape = self.known.get(name) or KNOWN.get(name)
        return shape is not None and len(text) <= 500 and _has_shape(shape, text)

    def is_nothing(self, name: str, value: Any) -> bool:
        """Whether a text at this property says no more than leaving it out."""
        if not isinstance(value, str):
            return False
        return value.startswith(NEVER) or value in self.nothing.get(name, ()) or value in NOTHING.get(name, ())


@lru_cache(maxsize=20_000)
def _has_shape(shape: re.Pattern[str], text: str) -> bool:
    # The same few thousand definitions and options are in every policy.
    return shape.fullmatch(text) is not None


DEFAULT: Final = Content()
