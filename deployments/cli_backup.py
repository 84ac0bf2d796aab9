"""`tenantatlas backup`: keep whole copies of policies."""

from __future__ import annotations

import typer


def add_commands(app: typer.Typer) -> None:
    """Adds the group `backup`."""
    backup = typer.Typer(help="Backup sets of policies.", rich_markup_mode=None)
    app.add_typer(backup, name="backup")
