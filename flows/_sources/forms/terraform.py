"""Terraform: a state or a plan as JSON. Known, and not read."""

from __future__ import annotations

from typing import Final

from flows._sources.forms.form import Body, Form


def _refused(body: Body) -> bool:
    return "terraform_version" in body


FORM: Final = Form("Terraform", refused=_refused, refused_file=lambda name: name.lower().endswith(".tfstate"))
