"""What stands between a page's code and its reader: every deliberate error becomes a sentence, everything else a quiet page."""

import logging
from collections.abc import Callable
from uuid import uuid4

import streamlit as st

from monitoring_app import texts
from monitoring_app.presentation.page import still_there
from monitoring_app.presentation.parts import empty_state, forbidden, notice
from monitoring_app.presentation.view import show
from monitoring_app.session import Viewer
from runstore.errors import ForbiddenError, NotFoundError, StoreUnavailableError, TenantAtlasError

_LOGGER = logging.getLogger(__name__)
RETRY_SECONDS = 5


def guarded(page: Callable[[], None]) -> Callable[[], None]:
    """The page, with its errors turned into what a reader can act on. An outage of the store ends by itself on the page."""

    def shown() -> None:
        try:
            page()
        except StoreUnavailableError:
            show_unavailable()
        except ForbiddenError:
            show(forbidden(), "forbidden")
        except NotFoundError:
            show(empty_state(texts.NOT_FOUND_TITLE, texts.NOT_FOUND, way=("/", texts.TO_OPERATIONS)), "not-found")
        except TenantAtlasError as problem:
            show(notice(str(problem), "red"), "problem")
        except Exception as error:
            log_problem(error)

    return shown


def live(viewer: Viewer, part: Callable[[Viewer, bool], None], seconds: float | None, key: str) -> None:
    """Draws a part of a page, and every `seconds` again by itself (None: once).

    The part gets the viewer as of now, and whether this is the first time. The first time an error is the page's. Later the part
    alone says that the store is away, and goes on trying.
    """

    def shown(is_first: bool) -> None:
        if is_first:
            part(viewer, True)
            return
        try:
            part(still_there(viewer), False)
        except StoreUnavailableError:
            show(notice(texts.UNAVAILABLE, "orange"), f"{key}-away")
        except TenantAtlasError as problem:
            show(notice(str(problem), "red"), f"{key}-problem")
        except Exception as error:
            log_problem(error)

    _repeated(shown, seconds)


def _repeated(part: Callable[[bool], None], seconds: float | None) -> None:
    first = [True]
    st.fragment(lambda: part(bool(first) and first.pop()), run_every=seconds)()


def show_unavailable() -> None:
    """The honest page for a store that is away; it looks again every few seconds and then shows what was asked for."""
    show(empty_state(texts.UNAVAILABLE_TITLE, texts.UNAVAILABLE), "unavailable")
    _repeated(lambda is_first: None if is_first else st.rerun(scope="app"), RETRY_SECONDS)


def log_problem(error: Exception) -> None:
    """For what nobody foresaw: the story goes to the log under an id, the reader gets the id and no traceback."""
    reference = uuid4().hex[:12]
    _LOGGER.error("A page failed (%s)", reference, exc_info=error)
    show(notice(texts.PROBLEM.format(reference=reference), "red"), f"problem-{reference}")
