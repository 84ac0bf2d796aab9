"""What a reader sees of a tree of nodes."""

from __future__ import annotations

from monitoring_app.presentation.nodes import Node


def text_of(node: Node) -> str:
    """All the texts of a tree, in order."""
    return node if isinstance(node, str) else "".join(text_of(child) for child in node[2:])
