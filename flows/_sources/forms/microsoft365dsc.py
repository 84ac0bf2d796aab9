"""Microsoft365DSC: resources of its own, by name, as a PowerShell configuration or as JSON. Known, and not read."""

from __future__ import annotations

import re
from typing import Final

from flows._sources.forms.form import Body, Form

_FILE: Final = re.compile(r"m365tenantconfig.*\.ps1|configurationdata\.psd1", re.IGNORECASE)


def _refused(body: Body) -> bool:
    return isinstance(body.get("ResourceName"), str) or "ResourceInstanceName" in body


FORM: Final = Form("Microsoft365DSC", refused=_refused, refused_file=lambda name: bool(_FILE.fullmatch(name)))
