"""Answers of Microsoft Graph saved as they came: a policy, or a page of a list, under `value` or under a name of its own."""

from typing import Any, Final, cast

from flows._policies.json_shape import as_list, as_object
from flows._policies.types import type_for_context
from flows._sources.forms.form import Body, ExportFile, Form

NEXT: Final = "@odata.nextLink"
_NAMES: Final = frozenset({"displayName", "name", "id"})
_TOLD: Final = frozenset({"id", "@odata.type"})
PARTS: Final = ("settings", "assignments", "definitionValues", "scheduledActionsForRule")


def listed(document: Any) -> list[Any] | None:
    """The members of a list in any of the shapes it is saved in; `None` for what is not a list.

    What the list says of itself counts for every member that says nothing.
    """
    if isinstance(document, list):
        return cast(list[Any], document) or [None]
    inner = as_object(document).get("value")
    if isinstance(inner, dict):
        return [inner]
    if not isinstance(inner, list) or {"displayName", "name"} & document.keys():
        return None
    context = document.get("@odata.context")
    return [
        {"@odata.context": context, **cast(Body, member)}
        if isinstance(member, dict) and isinstance(context, str)
        else member
        for member in cast(list[Any], inner)
    ]


def is_first_page(document: Any) -> bool:
    """Whether a list says that there is more of it than the file holds."""
    page = as_object(document)
    count = page.get("@odata.count")
    more = isinstance(count, int) and count > len(as_list(page.get("value")))
    return isinstance(page.get("value"), list) and (bool(page.get(NEXT)) or more)


def _document(document: Any, file: ExportFile) -> Any:
    """`{"filters": [{…}, {…}]}`, `{"ID": {…}, "ID": {…}}` and `{"filters": {"ID": {…}}}` as `{"value": […]}`: named objects, and
    nothing that names the whole. The pages in an answer to a batch are taken together."""
    found = as_object(document)
    if "value" in found or _NAMES & found.keys():
        return document
    lists = {
        key: cast(list[Any], one) for key, one in found.items() if isinstance(one, list) and not key.startswith("@")
    }
    # Of a kind that is null, or an error, nothing is known.
    lost = [
        {"@odata.context": f"#{key}", **as_object(one)}
        for key, one in found.items()
        if "error" in as_object(one) or (one is None and type_for_context(f"#{key}"))
    ]
    objects = [one for one in map(as_object, found.values()) if one and "error" not in one]
    if objects:
        # By id or by name, or so below the names of their kinds.
        below = [as_object(one) for kind in objects for one in kind.values()]
        told = (every for every in (objects, below) if all(_NAMES & one.keys() and _TOLD & one.keys() for one in every))
        members = next(told, None) if len(objects) == len(found) else None
        return document if members is None else {"value": members}
    members = [member for one in lists.values() for member in one]
    rest = {key: value for key, value in found.items() if key not in lists}
    if lists.keys() == {"responses"}:
        pages = [as_object(as_object(member).get("body")) for member in members]
        more = any(page.get(NEXT) for page in pages)
        return {**rest, NEXT: more, "value": [one for page in pages for one in listed(page) or [page]]}
    if not members or not all({"displayName", "name"} & as_object(member).keys() for member in members):
        return document
    return {**rest, "value": [*members, *lost]}


def _body(body: Body) -> Body:
    """A part that was saved as the page it came in as the list itself; that it goes on is kept beside it."""
    found = body
    for name in (*PARTS, "localizedNotificationMessages"):
        page = as_object(body.get(name))
        if isinstance(page.get("value"), list):
            found = {**found, name: page["value"], **({name + NEXT: page[NEXT]} if page.get(NEXT) else {})}
    return found


FORM: Final = Form("Microsoft Graph", document=_document, body=_body)
