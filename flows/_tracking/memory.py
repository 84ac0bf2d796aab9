"""Room to tell of a run that has used up its memory."""

from __future__ import annotations

import resource
import traceback
from contextlib import suppress

from runstore.reasons import chain_of


def make_room(problem: BaseException) -> None:
    """After a MemoryError: lets go of what the failed calls held, and raises the limit to what is kept for the telling.

    Without it the row, the log and Prefect could hear of nothing: the exception's traceback keeps all that filled the memory.
    """
    for link in chain_of(problem):
        if isinstance(link, MemoryError):
            traceback.clear_frames(link.__traceback__)
            with suppress(OSError, ValueError):
                _, hard = resource.getrlimit(resource.RLIMIT_DATA)
                resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
