"""Every policy type has rules of severity: none is low only because no rule speaks about it."""

from __future__ import annotations

import re

import pytest

from flows._policies.types import POLICY_TYPES
from flows.drift.comparison.severity import DEFAULT_RULES

WITHOUT = {"app_category", "device_category", "scope_tag"}
"""Texts, pictures and labels."""

SETTINGS = {"settings_catalog", "administrative_template", "reusable_setting"}
"""Types whose settings have a facet of their own, and its rules."""


@pytest.mark.parametrize("slug", sorted(entry.slug for entry in POLICY_TYPES if entry.slug not in WITHOUT | SETTINGS))
def test_a_rule_speaks_about_every_type(slug: str) -> None:
    assert any(rule.policy_type and re.search(rule.policy_type, slug) for rule in DEFAULT_RULES)
