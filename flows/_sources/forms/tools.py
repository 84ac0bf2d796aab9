"""Forms that take a few lines: IntuneCD, IntuneBackupAndRestore, people's own scripts, and those that are known and not read."""

import re
from typing import Any, Final

from flows._policies.content import names
from flows._policies.json_shape import GUID, as_list, as_object
from flows._sources.forms.form import Body, ExportFile, Form
from flows._sources.forms.graph import PARTS

_OWN_FOLDERS: Final = frozenset(
    {
        "apple push notification",
        "apple vpp tokens",
        "assignment report",
        "device management settings",
        "managed google play",
        "partner connections",
    }
)


def _past_or_own(file: ExportFile) -> bool:
    folders = [folder.casefold() for folder in file.folders]
    return "__archive__" in folders or bool(folders and folders[-1] in _OWN_FOLDERS)


def _beside(file: ExportFile) -> bool:
    # A pipeline or a site's index beside the backup, at the top of its repository.
    return not file.folders and (file.stem.casefold() in ("report", "settings") or file.is_yaml)


# One file a policy without its id, as JSON or YAML. What a backup no longer finds it moves to `__archive__/DATE/`. `Assignment
# Report/report.json` and `Device Management Settings/settings.json` are its own; connectors, certificates, apps, categories
# and terms are not policies.
INTUNE_CD: Final = Form(
    "IntuneCD",
    leaves_out=_past_or_own,
    own=_beside,
    others=names(
        """
        applepushnotification applevpptokens applications devicecategories devicemanagementsettings managedgoogleplay
        partnerconnections terms termsandconditions
        """
    ),
)

_TEMPLATE_FIRST: Final = re.compile(rf"{GUID.pattern}_(?=.)")
_DELTA: Final = "settingsDelta"


def _of_one(document: Any, file: ExportFile) -> Any:
    found = as_object(document)
    of_one = "enabled" in found and bool({"definition", "definition@odata.bind"} & found.keys())
    return [document] if of_one and not {"displayName", "name"} & found.keys() else document


# Parts in folders of their own, and what a restore needs in place of what Graph answers. Intents are `Device Management
# Intents/TEMPLATE/TEMPLATE-ID_NAME.json`, without id and type: the GUID is the template's. An administrative template is the
# list of its values, and one of a single value is that value.
INTUNE_BACKUP: Final = Form(
    "IntuneBackupAndRestore",
    document=_of_one,
    body=lambda body: {"@odata.type": "#microsoft.graph.deviceManagementIntent", **body} if _DELTA in body else body,
    stem=lambda body, stem: _TEMPLATE_FIRST.sub("", stem, count=1) if _DELTA in body and "id" not in body else stem,
)

_NAMES: Final = names("displayName name DisplayName Name")
_WRAPPED: Final = names("policy Policy")
_PARTS: Final = {part.casefold(): part for part in PARTS}


def _unwrapped(body: Body) -> Body:
    if _NAMES & body.keys() and not _WRAPPED & body.keys():
        return body
    inner = {key: value for key, value in body.items() if _NAMES & as_object(value).keys()}
    said = next(iter(_WRAPPED & inner.keys() or inner), None)
    # By another name it has parts beside it: else it is something that the object is about.
    if said is None or (said not in _WRAPPED and (len(inner) > 1 or not any(key.casefold() in _PARTS for key in body))):
        return body
    parts = {_PARTS[key.casefold()]: value for key, value in body.items() if key.casefold() in _PARTS}
    return {**inner[said], **{name: value for name, value in parts.items() if value is not None}}


# `{"policy": {…}, "assignments": […]}`: what a script of a few lines writes.
OWN_SCRIPT: Final = Form("a script of your own", body=_unwrapped)

_DSC_FILE: Final = re.compile(r"m365tenantconfig.*\.ps1|configurationdata\.psd1", re.IGNORECASE)


def _is_dsc(body: Body) -> bool:
    return isinstance(body.get("ResourceName"), str) or "ResourceInstanceName" in body


# Resources of its own, by name, as a PowerShell configuration or as JSON.
MICROSOFT365DSC: Final = Form(
    "Microsoft365DSC", refused=_is_dsc, refused_file=lambda name: bool(_DSC_FILE.fullmatch(name))
)
# Templates whose policy is a text inside the file, with the tenant's names put in place of ids.
CIPP: Final = Form("CIPP", refused=lambda body: "RAWJson" in body or {"PartitionKey", "RowKey"} <= body.keys())
# A snapshot of a tenant's configuration as Microsoft's own service keeps it: resources of many products in one file.
CONFIGURATION_SNAPSHOT: Final = Form(
    "Microsoft's configuration snapshots",
    refused=lambda body: any("resourceType" in as_object(one) for one in as_list(body.get("resources"))),
)
# A state or a plan as JSON.
TERRAFORM: Final = Form(
    "Terraform",
    refused=lambda body: "terraform_version" in body,
    refused_file=lambda name: name.lower().endswith(".tfstate"),
)
