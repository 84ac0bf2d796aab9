"""Why a sync, or one item of it, failed."""

from typing import Final

from flows._sources.folder_reasons import FOLDER_REASONS
from runstore.reasons import ReasonCode

SOURCE_GONE: Final = ReasonCode(
    code="source_gone",
    meaning="The folder the policies were to be read from is not there, holds no export, or may not be read.",
    next_step="Check that the folder exists on the worker's machine and is readable there, then sync once more.",
    template="The folder of exports cannot be read on the worker's machine.",
)

REASONS: Final = (SOURCE_GONE, *FOLDER_REASONS)
