"""The command line `tenantatlas`: its commands, and what becomes of an error."""

import gc
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import typer
from typer.core import TyperGroup

from deployments.cli.commands import audit, database, runs, schedule, services, stack, tenants
from deployments.cli.console import visible
from flows.folders import Broken, BrokenPartError, parts
from runstore.errors import BadInputError, TenantAtlasError


def build() -> TyperGroup:
    app = typer.Typer(
        name="tenantatlas",
        help="Operations of Microsoft Intune tenants: run them, see what they did.",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    for module in (stack, tenants, database, runs, schedule, audit, services):
        module.add_commands(app)
    whole = typer.main.get_group(app)
    whole.epilog = "\n\n".join(str(one) for one in add_producers(whole))
    return whole


def add_producers(whole: TyperGroup) -> Sequence[Broken]:
    """Adds each `flows/<producer>/commands.py`, also to groups that are there; answers what is broken."""

    def read(module: ModuleType) -> None:
        own = typer.Typer(rich_markup_mode=None)
        module.add_commands(own)
        made = typer.main.get_group(own)
        _join(whole, made, dry=True)
        _join(whole, made)

    return parts("commands", read).broken


def _join(group: TyperGroup, made: TyperGroup, *, dry: bool = False) -> None:
    for name, command in made.commands.items():
        present = group.commands.get(name)
        if isinstance(present, TyperGroup) and isinstance(command, TyperGroup):
            _join(present, command, dry=dry)
        elif present is not None:
            raise BrokenPartError(f"there is a command {name} already")
        elif not dry:
            group.add_command(command, name)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and ends the process with its exit code; whatever goes wrong is one sentence on stderr."""
    # Looking for cycles after every 700 new objects, as is usual, is a sixth of what importing Prefect takes.
    gc.set_threshold(50_000)
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    # As Ctrl-C does: Python's own answer to that raises KeyboardInterrupt.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        command = build()
        result = command.main(args=list(arguments), prog_name="tenantatlas", standalone_mode=False)
    except TenantAtlasError as problem:
        return _say(str(problem), problem.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _say("Interrupted.", 130)
    except BrokenPipeError:
        # The reader of a pipe has seen enough. Without this, Python would complain once more when it flushes at exit.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as problem:
        message = getattr(problem, "format_message", None)
        if callable(message):
            words = [word for word in arguments if not word.startswith("-")]
            is_group = bool(words) and isinstance(build().commands.get(words[0]), TyperGroup)
            asked = " ".join(["tenantatlas", *words[: 2 if is_group else 1], "--help"])
            return _say(f"{message()} See `{asked}`.", BadInputError.exit_code)
        return _unforeseen(problem)
    return result if isinstance(result, int) else 0


def _say(sentence: str, code: int) -> int:
    with suppress(OSError):
        print(visible(" ".join(sentence.split())), file=sys.stderr)  # noqa: T201
    return code


def _unforeseen(problem: Exception) -> int:
    where = ""
    with suppress(Exception):
        # Here, as an import that fails may be what went wrong.
        from deployments.settings import load_settings
        from runstore.fence.redaction import scrub_text

        log: Path = load_settings().state / "logs" / "errors.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as file:
            file.write(scrub_text("".join(traceback.format_exception(problem)), limit=100_000) + "\n")
        where = f" The details are in {log}; please report them."
    return _say(f"Something went wrong that should not have ({type(problem).__name__}).{where}", 1)
