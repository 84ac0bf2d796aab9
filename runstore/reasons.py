"""Why something failed, in words an operator can act on: one stable code, what it means, who can fix it and how.

A failure is a code plus a message made from the code's template and typed fields (`reason_fields`); there is no other
way to write one. The core's own codes are here; each producer declares its codes in `flows/<producer>/reasons.py` as
`REASONS: tuple[ReasonCode, ...]`, and the registry joins them into one `Catalogue`.
"""

import re
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Self
from uuid import uuid4

from runstore.errors import StoreUnavailableError, TenantAtlasError
from runstore.fence.reason_fields import FIELDS, clean_field, clean_item_id
from runstore.fence.redaction import scrub_text
from runstore.runs.run import RUN_ITEM, Failure

MESSAGE_LIMIT: Final = 500
CHAIN_LIMIT: Final = 8
_CODE: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")


class CatalogueError(Exception):
    """A reason code is declared twice, not documented, or its template names a field that is not whitelisted."""


class ReasonedError(TenantAtlasError):
    """The run or item cannot proceed: `raise ReasonedError(BASELINE_MISSING.failure(sync_id=...))`."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure

    def __reduce__(self) -> tuple[type[Self], tuple[Failure]]:
        # Exceptions are pickled by their text; ours are made of a failure.
        return type(self), (self.failure,)


class Fixer(StrEnum):
    OPERATOR = "operator"
    TENANT_ADMIN = "tenant_admin"
    MICROSOFT = "microsoft"
    DEVELOPER = "developer"

    @property
    def label(self) -> str:
        return "Tenant administrator" if self is Fixer.TENANT_ADMIN else self.value.capitalize()


@dataclass(frozen=True, slots=True)
class ReasonCode:
    """One entry of the catalogue. `code` is stable: it is stored in rows and never reused for another meaning.

    `retryable`: the same operation started again may succeed, once the next step is done or time has passed; else the
    next step must not say to. `{name}` in `template` is one of `reason_fields.FIELDS`. CatalogueError, at import,
    otherwise.
    """

    code: str
    meaning: str
    next_step: str
    template: str
    retryable: bool = True
    who: Fixer = Fixer.OPERATOR
    fields: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        if not _CODE.fullmatch(self.code) or len(self.code) > 64:
            raise CatalogueError(
                f"{self.code!r} is not a reason code: lower-case words joined by _, up to 64 characters."
            )
        for what in ("meaning", "next_step", "template"):
            if not getattr(self, what).strip():
                raise CatalogueError(f"Reason code {self.code} has no {what}.")
        names: list[str] = []
        for _, name, spec, conversion in string.Formatter().parse(self.template):
            if name is None:
                continue
            if name not in FIELDS or spec or conversion:
                raise CatalogueError(f"The template of {self.code} names {name!r}, which is not a whitelisted field.")
            if name not in names:
                names.append(name)
        object.__setattr__(self, "fields", tuple(names))

    def failure(self, item_id: object = RUN_ITEM, **fields: object) -> Failure:
        """The failure of one item; never raises. An absent field is `unknown`, a misshapen one `(not shown)`."""
        shown = {name: clean_field(name, fields.get(name)) for name in self.fields}
        message = scrub_text(self.template.format_map(shown))
        if len(message) > MESSAGE_LIMIT:
            message = f"{message[: MESSAGE_LIMIT - 1]}…"
        return Failure(item_id=clean_item_id(item_id), reason_code=self.code, message=message)


class Catalogue(dict[str, ReasonCode]):
    """Every reason code of an installation, in alphabetical order. CatalogueError for a code that is declared twice."""

    def __init__(self, *groups: Iterable[ReasonCode]) -> None:
        super().__init__()
        for reason in sorted((reason for group in groups for reason in group), key=lambda reason: reason.code):
            if reason.code in self:
                raise CatalogueError(f"Reason code {reason.code} is declared twice.")
            self[reason.code] = reason

    @classmethod
    def core(cls) -> Self:
        return cls(CORE_REASONS)


INTERNAL_ERROR: Final = ReasonCode(
    code="internal_error",
    meaning="Something went wrong that the software did not expect.",
    retryable=False,
    who=Fixer.DEVELOPER,
    next_step="Search the worker's log for the correlation id and report what it says.",
    template="Unexpected {class_name}; correlation id {correlation_id}.",
)
CONTACT_LOST: Final = ReasonCode(
    code="contact_lost",
    meaning="The run stopped reporting and Prefect no longer knows it as running.",
    next_step="Check that the worker is up and has memory to spare, then start the operation again.",
    template="No sign of life for {seconds} seconds; the worker is presumed gone.",
)
CANCELLED: Final = ReasonCode(
    code="cancelled",
    meaning="Somebody cancelled the run before it finished.",
    next_step="Nothing to fix. Start the operation again if it is still wanted.",
    template="Cancelled before it finished.",
)
CRASHED: Final = ReasonCode(
    code="crashed",
    meaning="The process doing the work ended without finishing: killed, out of memory, or its machine went down.",
    next_step="Check the worker's machine for memory and restarts, then start the operation again.",
    template="The process doing the work ended before it finished.",
)
DEPLOYMENT_MISSING: Final = ReasonCode(
    code="deployment_missing",
    meaning="Prefect has no deployment for this operation.",
    next_step="Run `tenantatlas deploy`, then start the operation again.",
    template="Prefect has no deployment for {operation}.",
)
STORE_UNREACHABLE: Final = ReasonCode(
    code="store_unreachable",
    meaning="The database could not be reached while the run was working.",
    next_step="Check the database with `tenantatlas db check`, then start the operation again.",
    template="The database could not be reached.",
)
OUT_OF_MEMORY: Final = ReasonCode(
    code="out_of_memory",
    meaning="The run reached the memory limit of its process.",
    next_step="Start it for a smaller scope, or raise TENANTATLAS_FLOW_MEMORY_MB for the worker or the deployment.",
    template="The run needed more memory than its process may use.",
)
FLOW_RUN_DELETED: Final = ReasonCode(
    code="flow_run_deleted",
    meaning="The flow run that did the work was deleted in Prefect before it finished.",
    next_step="Start the operation again, and leave unfinished flow runs alone in Prefect.",
    template="Flow run {flow_run_id} was deleted in Prefect before it finished.",
)
FLOW_FAILED: Final = ReasonCode(
    code="flow_failed",
    meaning="Prefect reported the flow run as failed and said no more that is safe to keep.",
    next_step="Look the flow run up in the worker's log, then start the operation again.",
    template="Prefect reported the flow run as {state}.",
)
TIMED_OUT: Final = ReasonCode(
    code="timed_out",
    meaning="The run took longer than it may.",
    next_step="Start it for a smaller scope, or raise the time limit of the deployment.",
    template="Stopped after {seconds} seconds, the longest it may take.",
)

PARAMETERS_REFUSED: Final = ReasonCode(
    code="parameters_refused",
    meaning="The flow run was started with parameters that its operation does not take.",
    next_step="Correct the parameters where they come from, a schedule or Prefect's own page, and start it again.",
    template="Operation {operation} does not take the parameters it was started with.",
)
ENCRYPTION_KEY_MISSING: Final = ReasonCode(
    code="encryption_key_missing",
    meaning="Policies and findings are kept encrypted, and the key that they are kept under is not set.",
    next_step="Set TENANTATLAS_ENCRYPTION_KEY, the same for every process, to a random text of at least 32 characters; try again.",
    template="The key that policies and findings are kept encrypted under, {setting_name}, is not set.",
)
ENCRYPTION_KEY_UNUSABLE: Final = ReasonCode(
    code="encryption_key_unusable",
    meaning="The encryption key is set and too short to protect anything.",
    next_step="Set TENANTATLAS_ENCRYPTION_KEY to a random text of at least 32 characters, and restart what was started with it.",
    template="The encryption key, {setting_name}, has fewer than {limit} characters.",
)
ENCRYPTION_KEY_WRONG: Final = ReasonCode(
    code="encryption_key_wrong",
    meaning="What is stored was encrypted under another key than the one that is set, or was changed or moved since.",
    next_step="Set TENANTATLAS_ENCRYPTION_KEY to the key that the database was used with, for every process; try again.",
    template="The key, {setting_name}, is not the one that this was encrypted under, or the row was changed.",
)

CORE_REASONS: Final = tuple(entry for entry in list(globals().values()) if isinstance(entry, ReasonCode))


def for_item(failure: Failure, item_id: object) -> Failure:
    """The same failure of another item: one list that could not be read, say, for each policy it would have held."""
    return Failure(clean_item_id(item_id), failure.reason_code, failure.message)


def class_name_of(exception: BaseException) -> str:
    return str(getattr(type(exception), "__name__", ""))


def chain_of(exception: BaseException) -> Sequence[BaseException]:
    """The exception and those that led to it, newest first; CHAIN_LIMIT of them at most, each once."""
    chain: list[BaseException] = []
    link: BaseException | None = exception
    while link is not None and len(chain) < CHAIN_LIMIT and all(link is not known for known in chain):
        chain.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return chain


def failure_of(exception: BaseException, item_id: object = RUN_ITEM) -> tuple[Failure, str | None]:
    """The failure an exception stands for, and a correlation id if it was not foreseen. Never raises."""
    if isinstance(exception, ReasonedError):
        failure = exception.failure
        if failure.item_id == RUN_ITEM and item_id != RUN_ITEM:
            failure = for_item(failure, item_id)
        return failure, None
    if isinstance(exception, StoreUnavailableError):
        return STORE_UNREACHABLE.failure(item_id), None
    if any(isinstance(link, MemoryError) for link in chain_of(exception)):
        return OUT_OF_MEMORY.failure(item_id), None
    # Short enough to read out, and no two in one log for all practical purposes.
    correlation_id = uuid4().hex[:12]
    failure = INTERNAL_ERROR.failure(item_id, class_name=class_name_of(exception), correlation_id=correlation_id)
    return failure, correlation_id
