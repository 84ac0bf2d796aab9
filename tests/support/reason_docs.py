"""Writes `docs/reason-codes.md` from the catalogue: `python -m tests.support.reason_docs`."""

from __future__ import annotations

from pathlib import Path

from flows.registry import reasons
from runstore.fence.reason_fields import FIELDS, INVALID, UNKNOWN
from runstore.reasons import Catalogue, ReasonCode

TARGET = Path(__file__).parents[2] / "docs" / "reason-codes.md"

_HEAD = """# Reason codes

Why a run or one of its items failed. A failure is one of these codes and a message made from the code's template; nothing
a remote party wrote enters it. Codes are stable: they are stored in rows, and none is ever reused for another meaning.

This page is generated from the catalogue (`python -m tests.support.reason_docs`); a test holds the two equal. To add a
code, declare a `ReasonCode` in your folder's `reasons.py` and list it in `REASONS`.

| code | who | worth starting again? |
|---|---|---|
"""

_FIELDS_HEAD = f"""
## Fields

What may stand in a message. A value without the shape of its field is shown as `{INVALID}`, an absent one as `{UNKNOWN}`.

| field | holds |
|---|---|
"""


def render(catalogue: Catalogue) -> str:
    """The page as Markdown, codes in alphabetical order, ending in a line end."""
    overview = "".join(
        f"| [`{reason.code}`](#{reason.code}) | {reason.who.label} | {'yes' if reason.retryable else 'no'} |\n"
        for reason in catalogue.values()
    )
    sections = "".join(_section(reason) for reason in catalogue.values())
    used = {name for reason in catalogue.values() for name in reason.fields}
    fields = "".join(f"| `{name}` | {holds} |\n" for name, (holds, _) in FIELDS.items() if name in used)
    return f"{_HEAD}{overview}{sections}{_FIELDS_HEAD}{fields}"


def _section(reason: ReasonCode) -> str:
    again = "yes, once the next step is done" if reason.retryable else "no"
    return (
        f"\n## {reason.code}\n\n{reason.meaning}\n\n"
        f"- Message: `{reason.template}`\n"
        f"- Who can fix it: {reason.who.label}\n"
        f"- Next step: {reason.next_step}\n"
        f"- Worth starting again: {again}\n"
    )


if __name__ == "__main__":
    TARGET.write_text(render(reasons()), encoding="utf-8")
