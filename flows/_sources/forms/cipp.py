"""CIPP: templates whose policy is a text inside the file, with the tenant's names put in place of ids. Known, and not read."""

from __future__ import annotations

from typing import Final

from flows._sources.forms.form import Body, Form


def _refused(body: Body) -> bool:
    return "RAWJson" in body or {"PartitionKey", "RowKey"} <= body.keys()


FORM: Final = Form("CIPP", refused=_refused)
