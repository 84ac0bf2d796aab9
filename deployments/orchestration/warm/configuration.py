"""What a work pool or a deployment may set for its flow runs, and what every run gets of the worker's own settings."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from prefect.context import refresh_global_settings_context
from prefect.settings import get_current_settings
from prefect.workers.base import BaseJobConfiguration, BaseVariables
from pydantic import Field, ValidationError, field_validator

from deployments.settings import SettingsError


class WarmJobConfiguration(BaseJobConfiguration):
    """How one flow run's process is set up."""

    working_dir: Path | None = Field(default=None)
    memory_limit_mb: int = Field(default=0, ge=0)

    @field_validator("command", mode="after")
    @classmethod
    def _no_command(cls, value: str | None) -> str | None:
        if value:
            raise ValueError("a warm worker starts no command: use a pool of type process for this deployment")
        return value

    @classmethod
    def _base_environment(cls) -> dict[str, str]:
        return prefect_variables()

    @property
    def module_path(self) -> str | None:
        """Where the flow is imported from, when its deployment names an installed module: nothing has to be asked then.

        None for a file, or when steps have to fetch the code first; the child asks Prefect what to do in that case.
        """
        deployment = self._related_objects.get("deployment")
        if deployment is None or deployment.pull_steps or not deployment.entrypoint or ":" in deployment.entrypoint:
            return None
        return str(deployment.entrypoint)


class WarmVariables(BaseVariables):
    """What a work pool or a deployment may set for its flow runs."""

    # Prefect takes no template without it.
    command: str | None = Field(
        default=None, description="Has to stay empty: a warm worker starts no command. A pool of type process does."
    )
    working_dir: Path | None = Field(
        default=None, description="The directory flow runs start in; a temporary one of their own without it."
    )
    memory_limit_mb: int = Field(
        default=2048,
        ge=0,
        description="How many MiB of data a flow run may hold before its allocations fail; 0 for no limit.",
    )


@cache
def prefect_variables() -> dict[str, str]:
    """Prefect's settings in this process as variables; written out once, since that takes longer than a fork."""
    return get_current_settings().to_environment_variables(exclude_unset=True)


def read_prefect_settings_anew() -> None:
    """After variables of this process have changed: what is made from now on uses them, what is there stays.

    SettingsError, and Prefect's settings stay as they are, when it cannot use one of them.
    """
    try:
        refresh_global_settings_context()
    except ValidationError as problem:
        # Not the text of the error, which quotes the value.
        where = ".".join((problem.title, *map(str, problem.errors()[0]["loc"])))
        raise SettingsError(f"Prefect cannot use one of its settings as given ({where}).") from None
    prefect_variables.cache_clear()
