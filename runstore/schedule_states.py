"""What can be said of a schedule that does not run, and of a look that failed."""

from enum import StrEnum


class StoppedBy(StrEnum):
    """What keeps a schedule from starting runs: someone paused it, its deployment or its work pool; or no worker is online."""

    SCHEDULE = "schedule"
    DEPLOYMENT = "deployment"
    POOL = "pool"
    WORKER = "worker"


class LookProblem(StrEnum):
    """Why the schedules could not be read: Prefect's server does not answer, or what it answers is of no use."""

    AWAY = "away"
    REFUSED = "refused"
