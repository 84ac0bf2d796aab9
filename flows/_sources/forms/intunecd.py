"""IntuneCD: one file a policy without its id, as JSON or YAML, and folders for what is not a current policy.

What a backup no longer finds it moves to `__archive__/DATE/`. `Assignment Report/report.json` and
`Device Management Settings/settings.json` are its own;
connectors, certificates, apps, categories and terms are not policies.
"""

from __future__ import annotations

from typing import Final

from flows._sources.export_file import ExportFile
from flows._sources.forms.form import Form, names

_PAST: Final = "__archive__"
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
_OWN_FILES: Final = frozenset({"report", "settings"})


def _leaves_out(file: ExportFile) -> bool:
    outermost = file.folders[-1].casefold() if file.folders else ""
    return any(folder.casefold() == _PAST for folder in file.folders) or outermost in _OWN_FOLDERS


def _own(file: ExportFile) -> bool:
    # A pipeline or a site's index beside the backup, at the top of its repository.
    return not file.folders and (file.stem.casefold() in _OWN_FILES or file.is_yaml)


_OTHERS: Final = names(
    """
    applepushnotification applevpptokens applications devicecategories devicemanagementsettings managedgoogleplay
    partnerconnections terms termsandconditions
    """
)

FORM: Final = Form("IntuneCD", leaves_out=_leaves_out, own=_own, others=_OTHERS)
