"""Prints answers: JSON, or sentences and tables in which data is text and nothing but text."""

import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any, cast
from uuid import UUID

import orjson

# Shown instead of being sent to the terminal: what moves its cursor, changes its colours or reverses its text.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_PIPE_WIDTH = 160
_UUID_WIDTH = 36
_OTHERS_WIDTH = 40


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under column names; `empty` is said instead when there are none. `ids` names the columns whose
    texts are ids. A tuple in a row is a cell of several lines."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    empty: str
    title: str | None = None
    ids: Sequence[str] = ()


Block = str | Table


def print_json(document: Mapping[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_INDENT_2, default=str))
    sys.stdout.buffer.flush()


def print_blocks(blocks: Iterable[Block], file: IO[str] | None = None) -> None:
    """Sentences and tables, in order. A terminal that cannot show a character gets a `?` for it."""
    out = sys.stdout if file is None else file
    for block in blocks:
        text = visible(block, keep_lines=True) + "\n" if isinstance(block, str) else _rendered(block, out)
        encoding = getattr(out, "encoding", None) or "utf-8"
        out.write(text.encode(encoding, "replace").decode(encoding))
    out.flush()


def visible(text: str, *, keep_lines: bool = False) -> str:
    """The text with every control, direction and invisible character written out, as `\\x1b` or `\\u202e`."""
    if text.isascii() and text.isprintable():
        return text

    def shown(one: str) -> str:
        if unicodedata.category(one) in _HIDDEN_CATEGORIES and not (keep_lines and one == "\n"):
            return one.encode("unicode_escape", "backslashreplace").decode("ascii")
        return one

    return "".join(map(shown, text))


def when(moment: datetime | None) -> str:
    """A moment in UTC to the second; a dash for none."""
    return "-" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _rendered(table: Table, out: IO[str]) -> str:
    if not table.rows:
        return visible(table.empty) + "\n"
    # A tenth of a second, and most answers have no table.
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    title = Text(visible(table.title)) if table.title else None
    console = Console(file=out, width=None if out.isatty() else _PIPE_WIDTH, emoji=False, markup=False, highlight=False)
    drawn = RichTable(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    for number, column in enumerate(table.columns):
        cells = [row[number] for row in table.rows]
        is_id = column in table.ids or isinstance(cells[0], UUID)
        drawn.add_column(
            Text(column), overflow="fold", width=_id_width([column, *cells], console.width) if is_id else None
        )
    for row in table.rows:
        # Text objects are not parsed for markup, emoji codes or links.
        drawn.add_row(*(Text(_shown(value)) for value in row))
    with console.capture() as captured:
        console.print(drawn)
    return captured.get()


def _id_width(cells: Sequence[object], room: int) -> int:
    """How wide a column of ids is drawn: ids are there to be copied, and folded only to leave the others room."""
    longest = max(len(visible(_cell(one))) for one in cells)
    return longest if longest <= room - _OTHERS_WIDTH else min(longest, _UUID_WIDTH)


def _shown(value: object) -> str:
    # The lines of a tuple are a table's own; a line end in data is written out.
    return (
        "\n".join(map(visible, cast("tuple[str, ...]", value))) if isinstance(value, tuple) else visible(_cell(value))
    )


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return when(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
