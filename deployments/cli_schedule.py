"""`tenantatlas schedule`: operations that Prefect starts by the clock."""

from __future__ import annotations

import typer


def add_commands(app: typer.Typer) -> None:
    """Adds the group `schedule`."""
    schedule = typer.Typer(help="Operations started by the clock.", rich_markup_mode=None)
    app.add_typer(schedule, name="schedule")
