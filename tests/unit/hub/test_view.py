"""What a page sends to the browser is JSON of its tree, whatever the texts in it are."""

from __future__ import annotations

import json

import pytest

from monitoring_app.presentation.nodes import h, icon
from monitoring_app.presentation.view import encoded


@pytest.mark.parametrize("text", ["plain", "half \ud800 a character", '"<b>\\\u2028\x00', "x" * 1_000_000])
def test_a_tree_arrives_as_it_is(text: str) -> None:
    tree = h("p", {"title": text}, text, icon("bell"))
    assert json.loads(encoded(tree)) == tree
