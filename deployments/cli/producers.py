"""Adds every producer's own commands, `flows/<producer>/commands.py`, to the command line."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import typer
from typer.core import TyperGroup

from flows.folders import Broken, BrokenPartError, parts


def add_producers(whole: TyperGroup) -> Sequence[Broken]:
    """Adds the groups and commands of each producer; what it puts into a group that is there already joins that.

    Answers what is left out: a producer whose commands cannot be imported or made, or are called as one that is there.
    """

    def read(module: ModuleType) -> None:
        own = typer.Typer(rich_markup_mode=None)
        module.add_commands(own)
        made = typer.main.get_group(own)
        _join(whole, made, dry=True)
        _join(whole, made)

    return parts("commands", read).broken


def _join(group: TyperGroup, made: TyperGroup, *, dry: bool = False) -> None:
    """Adds the commands of `made` to the group; `dry` only looks whether that can be done."""
    for name, command in made.commands.items():
        present = group.commands.get(name)
        if isinstance(present, TyperGroup) and isinstance(command, TyperGroup):
            _join(present, command, dry=dry)
        elif present is not None:
            raise BrokenPartError(f"there is a command {name} already")
        elif not dry:
            group.add_command(command, name)
