"""The work pool that deployments go to: made if it is not there, of the type asked for, its jobs' image set where they have one."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.workers.base import BaseWorker
from pydantic import ValidationError

from flows._tracking.store import VARIABLES
from runstore.errors import BadInputError

PROCESS = "process"
RETIRED = "tenantatlas-warm"
"""The type of earlier versions' pools. A pool keeps its type, so such a one is served as a process pool from now on."""

COMMAND = (
    'sh -c \'if [ "$TENANTATLAS_FORK_CLIENT" ]; then exec "$TENANTATLAS_PYTHON" -I -S "$TENANTATLAS_FORK_CLIENT"; '
    "else exec python -m prefect.engine; fi'"
)
"""What a process pool's flow runs start, unless people say otherwise. It names no place: that is the worker's to know."""

# Prefect compares without regard to case.
RESERVED = "prefect"

# Anything else would be one of Prefect's templates, or a slip.
IMAGE_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._/:@-]{0,499}")


@dataclass(frozen=True, slots=True)
class Pool:
    """A work pool as it is now, and whether it was created, changed or left as it was."""

    name: str
    type: str
    outcome: str
    template: Mapping[str, Any]

    @property
    def image(self) -> str | None:
        """The image its jobs start unless a deployment names one; None where there is none, or where jobs have no image."""
        return _image_variable(self.template).get("default")

    def notes(self, job_variables: Sequence[Mapping[str, Any]]) -> list[str]:
        """What its jobs lack, a sentence each. `job_variables` are what each deployment sets beside the pool's own.

        Only for jobs that start an image: others have this machine's environment. The run store's address is never
        written here, since it holds a password and Prefect's database is not the place for one.
        """
        if self.type == RETIRED:
            return [
                f"The work pool {self.name} has the type {RETIRED} of an earlier version; workers serve it as a process pool. "
                f"To be rid of that type, run `tenantatlas deploy --pool NAME` with a new name, set TENANTATLAS_WORK_POOL "
                "to it for every worker, and let the runs that wait in the old one end first."
            ]
        if not _image_variable(self.template):
            return []
        found: list[str] = []
        if not self.image and not (job_variables and all(one.get("image") for one in job_variables)):
            found.append(
                f"The work pool {self.name} names no image, so its jobs would start Prefect's own, which has none of these "
                f"flows: run `tenantatlas deploy --pool {shlex.quote(self.name)} --image IMAGE`."
            )
        told = json.dumps([self.template, *job_variables], default=str)
        if not any(word in told for word in (*VARIABLES, "envFrom")):
            found.append(
                f"Nothing in the work pool {self.name} tells its jobs where the run store is: unless their cluster does, "
                f"give them {VARIABLES[0]} there, from a secret."
            )
        return found


async def ensure_pool(client: PrefectClient, name: str, named_type: str | None, image: str | None) -> Pool:
    """The pool, made if need be: of processes unless told another type.

    BadInputError when it cannot be made, is of another type than the one named, or has jobs without an image. A pool that
    was made without a job template gets its type's; what people set in a template stays, but for the image asked for.
    """
    if image is not None and not IMAGE_NAME.fullmatch(image):
        raise BadInputError(f"{image[:80]!r} cannot be an image's name: give one such as tenantatlas:1.0.")
    try:
        existing = await client.read_work_pool(name)
    except ObjectNotFound:
        kind = _worker_class(named_type or PROCESS)
        template = _template(kind.get_default_base_job_template(), kind.type, image)
        try:
            await client.create_work_pool(_checked(name, kind.type, template))
            return Pool(name, kind.type, "created", template)
        except ObjectAlreadyExists:
            # A worker or another machine's deploy made it in the meantime.
            existing = await client.read_work_pool(name)
    if named_type not in (None, existing.type):
        raise BadInputError(
            f"The work pool {name!r} is of type {existing.type!r} already, and a pool keeps its type: "
            "name another one with --pool."
        )
    kind = BaseWorker.get_worker_class_from_type(PROCESS if existing.type == RETIRED else existing.type)
    default = {} if kind is None else kind.get_default_base_job_template()
    present = default if existing.type == RETIRED else existing.base_job_template or default
    template = _template(present, existing.type, image)
    if template == existing.base_job_template:
        return Pool(name, existing.type, "unchanged", template)
    await client.update_work_pool(name, WorkPoolUpdate(base_job_template=template))
    return Pool(name, existing.type, "changed", template)


def _checked(name: str, kind: str, template: dict[str, Any]) -> WorkPoolCreate:
    """What to ask Prefect for. BadInputError for a name that it does not take."""
    if name.lower().startswith(RESERVED):
        raise BadInputError(
            f"{name[:80]!r} cannot be a work pool's name: Prefect keeps those that begin with {RESERVED!r} for itself. "
            "Name another one with --pool."
        )
    try:
        return WorkPoolCreate(name=name, type=kind, base_job_template=template)
    except ValidationError:
        raise BadInputError(f"{name[:80]!r} cannot be a work pool's name: it has none of / % & < >.") from None


def worker_type(pool_type: str) -> str:
    """The type of Prefect's worker that serves such a pool. BadInputError when this installation has none."""
    return _worker_class(PROCESS if pool_type == RETIRED else pool_type).type


def _worker_class(pool_type: str) -> type[BaseWorker[Any, Any, Any]]:
    kind = BaseWorker.get_worker_class_from_type(pool_type)
    if kind is None:
        raise BadInputError(
            f"{pool_type[:80]!r} is not a work pool type this installation can serve: it has "
            f"{', '.join(sorted(BaseWorker.get_all_available_worker_types()))}. Install the Prefect package that brings it."
        )
    return kind


def _template(template: dict[str, Any], pool_type: str, image: str | None) -> dict[str, Any]:
    wanted = deepcopy(template)
    if pool_type in (PROCESS, RETIRED):
        command = wanted.get("variables", {}).get("properties", {}).get("command", {})
        command["default"] = command.get("default") or COMMAND
    if image is None:
        return wanted
    if not (variable := _image_variable(wanted)):
        raise BadInputError(
            f"The jobs of a work pool of type {pool_type!r} start no image: leave --image out, or name a pool of another "
            "type with --pool."
        )
    variable["default"] = image
    return wanted


def _image_variable(template: Mapping[str, Any]) -> dict[str, Any]:
    """What the template says of the image its jobs start; empty for a template that has none to set."""
    return template.get("variables", {}).get("properties", {}).get("image", {})
