"""Pages that need no app: sign-in, refusals, outages. Values are escaped, and none depends on the tenant asked for."""

from collections.abc import Sequence
from functools import cache, partial
from html import escape
from pathlib import Path

from starlette.responses import HTMLResponse, PlainTextResponse, Response

from monitoring_app import texts

_HOME = ("/", texts.TO_OPERATIONS)
_AGAIN = ("/sign-in?again=1", texts.SIGN_IN_AGAIN)


@cache
def _style() -> str:
    return Path(__file__).with_name("plain.css").read_text(encoding="utf-8")


def page(title: str, body: str, status: int, *, refresh_seconds: int = 0) -> Response:
    """A whole page; `body` is markup whose values are escaped already."""
    refresh = f'<meta http-equiv="refresh" content="{refresh_seconds}">' if refresh_seconds else ""
    markup = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{refresh}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="/brand.svg">'
        f"<title>{escape(title)} · {texts.PRODUCT}</title><style>{_style()}</style></head><body><main>"
        f'<div class="brand">{texts.PRODUCT}</div><h1>{escape(title)}</h1>{body}</main></body></html>'
    )
    return HTMLResponse(markup, status_code=status, headers={"cache-control": "no-store"})


def message(title: str, text: str, status: int, *, link: tuple[str, str] | None = _HOME, refresh: int = 0) -> Response:
    """A title, a sentence and perhaps one way on: (address, label)."""
    way = f'<a class="button" href="{escape(link[0])}">{escape(link[1])}</a>' if link else ""
    response = page(title, f"<p>{escape(text)}</p>{way}", status, refresh_seconds=refresh)
    if refresh:
        response.headers["retry-after"] = str(refresh)
    return response


forbidden = partial(message, texts.FORBIDDEN_TITLE, texts.FORBIDDEN, 403)
"""The one answer for every tenant that is not the asker's, whether or not it or the thing asked for exists."""
not_found = partial(message, texts.NOT_FOUND_TITLE, texts.NOT_FOUND, 404)
"""Nothing here, within what is the asker's own."""
bad_address = partial(message, "400 – this address cannot be read", texts.BAD_ADDRESS, 400)
unavailable = partial(message, texts.UNAVAILABLE_TITLE, texts.UNAVAILABLE, 503, link=None, refresh=5)
"""The store is away; the page asks again by itself."""
not_invited = partial(message, "No access yet", texts.NOT_INVITED, 403, link=_AGAIN)
"""Somebody the provider knows and no tenant does."""
signed_out = partial(message, "You are signed out", texts.SIGNED_OUT, 200, link=("/sign-in", texts.SIGN_IN_AGAIN))


def sign_in_failed(reason: str, status: int) -> Response:
    """The way through the provider ended somewhere else."""
    return message("Sign-in did not work", texts.SIGN_IN_FAILED.format(reason=reason), status, link=_AGAIN)


def refused(text: str, status: int) -> Response:
    """A refusal for what is not a page: a download, a socket, a form of another site."""
    return PlainTextResponse(text + "\n", status_code=status, headers={"cache-control": "no-store"})


def demo_picker(people: Sequence[tuple[str, str, str]], next_path: str) -> Response:
    """The demo's users as buttons: (user id, name, what they are). Clearly marked as being no sign-in."""
    note = f'<p class="note" role="note">{escape(texts.DEMO_NOTE)}</p>'
    buttons = "".join(
        f'<button name="user" value="{escape(user_id)}">{escape(name)}<small>{escape(roles)}</small></button>'
        for user_id, name, roles in people
    )
    form = (
        f'<form method="post" action="/sign-in/as"><input type="hidden" name="next" value="{escape(next_path)}">'
        f"{buttons}</form>"
        if people
        else f"<p>{escape(texts.DEMO_EMPTY)}</p>"
    )
    return page("Demo: choose who you are", note + form, 200)
