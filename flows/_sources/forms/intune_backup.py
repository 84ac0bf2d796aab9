"""IntuneBackupAndRestore: parts in folders of their own, and what a restore needs in place of what Graph answers.

Intents are `Device Management Intents/TEMPLATE/TEMPLATE-ID_NAME.json`, without id and type: the GUID is the template's. An
administrative template is the list of its values, and one of a single value is that value.
"""

from __future__ import annotations

import re
from typing import Any, Final

from flows._policies.json_shape import as_object
from flows._sources.export_file import ExportFile
from flows._sources.forms.form import Body, Form

_TEMPLATE_FIRST: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}_(?=.)")
_DELTA: Final = "settingsDelta"


def _document(document: Any, file: ExportFile) -> Any:
    found = as_object(document)
    of_one = "enabled" in found and bool({"definition", "definition@odata.bind"} & found.keys())
    return [document] if of_one and not {"displayName", "name"} & found.keys() else document


def _body(body: Body) -> Body:
    return body if _DELTA not in body else {"@odata.type": "#microsoft.graph.deviceManagementIntent", **body}


def _stem(body: Body, stem: str) -> str:
    return _TEMPLATE_FIRST.sub("", stem, count=1) if _DELTA in body and "id" not in body else stem


FORM: Final = Form("IntuneBackupAndRestore", document=_document, body=_body, stem=_stem)
