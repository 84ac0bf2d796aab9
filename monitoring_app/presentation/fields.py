"""Fields above a list. The address is the truth: a field shows what it says, and a change of one is a step to another address."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from monitoring_app import texts
from monitoring_app.presentation.nodes import Node, h, page_href
from monitoring_app.presentation.parts import notice

LONGEST: Final = 200
FIRST: Final = date(2000, 1, 1)
LAST: Final = date(2999, 12, 31)
_PLACES: Final = ("from", "cursor")
"""What names a place in a list, which is another list's once a field has changed."""


def day_of(params: Mapping[str, str], name: str) -> date | None:
    """The day of an address; None where it has none, or a text that is none."""
    try:
        day = date.fromisoformat(params.get(name, ""))
    except ValueError:
        return None
    return day if FIRST <= day <= LAST else None


class Fields:
    """Makes the fields of a page, whose address has these parameters beside the `ignored` ones, which could not be read."""

    def __init__(self, page: str, slug: str, params: Mapping[str, str], ignored: Sequence[str] = ()) -> None:
        self._page, self._slug, self._params = page, slug, params
        self._shown: list[str] = []
        self._ignored = list(ignored)

    def step(self, *names: str) -> dict[str, Any]:
        """The attributes of a control whose value takes the place of the first of these parameters, and of the others."""
        kept = {name: value for name, value in self._params.items() if name not in (*names, *_PLACES)}
        return {"data-base": page_href(self._page, self._slug, kept), "data-name": names[0]}

    def text(
        self, name: str, label: str, placeholder: str | None = None, *, longest: int = LONGEST, class_: str = "field"
    ) -> Node:
        said = {"type": "text", "maxlength": str(longest), "placeholder": placeholder}
        return self._input(name, label, self._params.get(name, "").replace("\x00", "")[:longest], said, class_)

    def day(self, name: str, label: str) -> Node:
        """A day; empty for a text of the address that is none."""
        day = day_of(self._params, name)
        return self._input(name, label, day.isoformat() if day else "", {"type": "date"})

    def moment(self, name: str, label: str, value: datetime | None) -> Node:
        """A moment in the zone of the viewer, in which `value` is."""
        shown = value.strftime("%Y-%m-%dT%H:%M") if value else ""
        return self._input(name, label, shown, {"type": "datetime-local"}, "field broad")

    def choice(self, name: str, label: str, options: Mapping[str, str], class_: str = "field") -> Node:
        """One of `options`, value → what is shown; the empty value is none."""
        wanted = self._params.get(name, "")
        value = wanted if wanted in options else ""
        self._note(name, value)
        return field(label, select(label, options.items(), value, self.step(name)), class_)

    def bar(self, *fields: Node | None, active: int | None = None) -> Node:
        """The fields in a row, which folds on a narrow screen, and what of the address they could not show.

        `active` filters narrow the list, as many as the fields show unless it is given.
        """
        folds = {"type": "button", "class": "button fold", "data-fold": "1", "aria-expanded": "false"}
        count = len(self._shown) if active is None else active
        fold = h("button", folds, f"Filters ({count})" if count else "Filters")
        said = texts.IGNORED.format(names=", ".join(dict.fromkeys(self._ignored)))
        ignored = notice(said, "orange") if self._ignored else None
        return h("div", {"class": "stack"}, h("div", None, fold, h("div", {"class": "fields"}, *fields)), ignored)

    def _input(self, name: str, label: str, value: str, attributes: dict[str, Any], class_: str = "field") -> Node:
        self._note(name, value)
        return field(
            label, h("input", {"id": _id(label), "data-value": value, **attributes, **self.step(name)}), class_
        )

    def _note(self, name: str, value: str) -> None:
        if value:
            self._shown.append(name)
        elif self._params.get(name):
            self._ignored.append(name)


def field(label: str, control: Node, class_: str = "field") -> Node:
    """A control made for this label, with it."""
    return h("div", {"class": class_}, h("label", {"for": _id(label)}, label), control)


def select(label: str, choices: Iterable[tuple[str, str]], value: str, attributes: dict[str, Any]) -> Node:
    """The control for a choice, of (value, what is shown)."""
    options = [h("option", {"value": choice}, words) for choice, words in choices]
    return h("select", {"id": _id(label), "data-value": value, **attributes}, options)


def _id(label: str) -> str:
    return "field-" + label.lower().replace(" ", "-")
