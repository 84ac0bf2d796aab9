"""The scheduler of reads: many jobs, few requests in flight, full batches, no read lost.

A job is a generator. It yields the reads it needs next and is resumed with their answers, in the same order, once all
of them are there. Between the jobs and the wire the pump packs reads of one lane and version into batches, keeps to
the lane's limit, waits what `Retry-After` says (or backs off with jitter), renews a refused token, and gives a read up
when it was tried often enough. Results come out in the order of the jobs.
"""

import heapq
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Generic, TypeVar, cast

from flows._policies.types import Lane, label_of_path
from flows._sources.graph import reasons
from flows._sources.graph.answers import (
    Answer,
    Outcome,
    Problem,
    Request,
    Setback,
    batch_outcomes,
    batch_payload,
    judge,
)
from flows._sources.graph.credentials import TokenSource
from flows._sources.graph.limits import Lanes, Traffic
from flows._sources.graph.settings import GraphSettings
from flows._sources.graph.wire import AnswerTooLargeError, BrokenAnswerError, UnreachableError, Wire
from runstore.reasons import ReasonedError

R = TypeVar("R")
Reads = Sequence[Request]
Outcomes = list[Answer | Problem]
Job = Generator[Reads, Outcomes, R]

NEXT_LINK: Final = "@odata.nextLink"
_BLIND_NAP: Final = 0.1
_NAP_TOLD: Final = 1.0
_WAIT_TOLD: Final = 10.0
_ATTEMPTS_OF_OPTIONAL: Final = 2
_log = logging.getLogger("tenantatlas.graph")


@dataclass(slots=True)
class _Running(Generic[R]):
    job: Job[R]
    answers: list[Answer | Problem | None] = field(default_factory=list[Answer | Problem | None])
    missing: int = 0
    result: R | None = None
    finished: bool = False


@dataclass(slots=True)
class _Pending(Generic[R]):
    request: Request
    owner: _Running[R]
    position: int
    attempts: int = 0
    token_renewed: bool = False
    alone: bool = False
    first_sent: float | None = None


@dataclass(slots=True)
class _Package(Generic[R]):
    parts: list[_Pending[R]]
    token: str = ""
    received: int = 0
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Pump:
    """Runs jobs against one endpoint and directory; one at a time, but as often as wanted. `say` takes what is waited for, as
    words that follow "the run is": `waiting for Microsoft until 14:05 UTC (apps)`."""

    settings: GraphSettings
    wire: Wire
    tokens: TokenSource
    lanes: Lanes
    traffic: Traffic
    say: Callable[[str], None] | None = None

    def run(self, jobs: Iterable[Job[R]]) -> Iterator[R]:
        """Yields each job's result in the order of the jobs, taking jobs from the iterable only as they can be served.

        Raises ReasonedError when the place as a whole is unusable: the sign-in is refused, or nothing has ever
        answered. Abandoning the iterator waits for what is in flight and sends nothing more.
        """
        return _Session(self, iter(jobs)).results()


class _Session(Generic[R]):
    def __init__(self, pump: Pump, jobs: Iterator[Job[R]]) -> None:
        self._pump = pump
        self._settings, self._lanes, self._traffic = pump.settings, pump.lanes, pump.traffic
        self._jobs = jobs
        self._more_jobs = True
        self._open: deque[_Running[R]] = deque()
        self._ready: dict[tuple[str, str], deque[_Pending[R]]] = {}
        self._later: list[tuple[float, int, _Pending[R]]] = []
        self._ticket = 0
        self._given_up: set[Lane] = set()
        self._told: set[str] = set()
        self._flying: dict[Future[list[Outcome]], _Package[R]] = {}
        # Enough jobs to fill every batch in flight four times: many need no read. Results wait in memory for those before.
        self._most_open = max(40, 4 * self._settings.in_flight * self._settings.batch_size)

    def results(self) -> Iterator[R]:
        pool = ThreadPoolExecutor(self._settings.in_flight, thread_name_prefix="graph")
        try:
            while True:
                self._open_more()
                while self._open and self._open[0].finished:
                    yield cast(R, self._open.popleft().result)
                if not self._open and not self._more_jobs:
                    return
                if self._more_jobs and len(self._open) < self._most_open:
                    continue
                opens_at = self._send_what_may_go(pool)
                self._wait(opens_at)
        finally:
            for running in self._open:
                running.job.close()
            pool.shutdown(wait=True, cancel_futures=True)
            # Of what a refused sign-in or an end left unanswered: else the next reader in this process waits for it for ever.
            for package in self._flying.values():
                self._lanes.bucket(package.parts[0].request.lane).answered(len(package.parts), time.monotonic())

    def _open_more(self) -> None:
        while self._more_jobs and len(self._open) < self._most_open:
            job = next(self._jobs, None)
            if job is None:
                self._more_jobs = False
                return
            running = _Running(job)
            self._open.append(running)
            self._advance(running, None)

    def _advance(self, running: _Running[R], answers: Outcomes | None) -> None:
        try:
            while True:
                reads = next(running.job) if answers is None else running.job.send(answers)
                if reads:
                    break
                answers = []
        except StopIteration as stop:
            running.result = stop.value
            running.finished = True
            return
        running.answers = [None] * len(reads)
        running.missing = len(reads)
        pending = [_Pending(request, running, position) for position, request in enumerate(reads)]
        # What a job asks for next goes before what new jobs ask for: long chains of pages start early and end early.
        ongoing = answers is not None
        for each in reversed(pending) if ongoing else pending:
            self._queue(each, first=ongoing)

    def _queue(self, pending: _Pending[R], *, first: bool = False) -> None:
        request = pending.request
        alone = request.alone or pending.alone or self._settings.batch_size == 1
        # A read that goes alone has a queue of its own, or it would split the batch being filled.
        key = (request.lane.value, "alone" if alone else request.version)
        queue = self._ready.setdefault(key, deque())
        queue.appendleft(pending) if first else queue.append(pending)

    def _send_what_may_go(self, pool: ThreadPoolExecutor) -> float:
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            self._queue(heapq.heappop(self._later)[2], first=True)
        opens_at = self._later[0][0] if self._later else float("inf")
        # The slowest lane first: its limit keeps it from taking every place, and its chain of pages is the longest wait.
        for (_, kind), queue in sorted(self._ready.items(), key=self._lane_reads):
            while queue and len(self._flying) < self._settings.in_flight:
                bucket = self._lanes.bucket(queue[0].request.lane)
                size = 1 if kind == "alone" else min(len(queue), self._settings.batch_size, bucket.capacity)
                at = bucket.take(size, now)
                if at > 0:
                    opens_at = min(opens_at, at)
                    break
                package = _Package([queue.popleft() for _ in range(size)])
                for part in package.parts:
                    part.first_sent = part.first_sent if part.first_sent is not None else now
                self._flying[pool.submit(self._carry, package)] = package
        return opens_at

    def _lane_reads(self, queued: tuple[tuple[str, str], object]) -> int:
        return self._lanes.bucket(Lane(queued[0][0])).capacity

    def _wait(self, opens_at: float) -> None:
        now = time.monotonic()
        if not self._flying:
            # Infinity: only answers of another reading of this tenant can free the lane, and they are not seen here.
            nap = _BLIND_NAP if opens_at == float("inf") else max(opens_at - now, 0.0)
            if nap >= _NAP_TOLD:
                _log.info("Waiting %.0f s for Microsoft Graph, as it asked or as its limits demand.", nap)
            time.sleep(nap)
            self._traffic.waited += time.monotonic() - now
            return
        timeout = None if opens_at == float("inf") else max(opens_at - now, 0.0)
        if len(self._flying) >= self._settings.in_flight:
            timeout = None
        done, _ = wait(self._flying, timeout=timeout, return_when=FIRST_COMPLETED)
        for future in done:
            outcomes = future.result()
            package = self._flying.pop(future)
            self._traffic.requests += 1
            self._traffic.reads += len(package.parts)
            self._traffic.bytes_received += package.received
            now = time.monotonic()
            self._lanes.bucket(package.parts[0].request.lane).answered(len(package.parts), now)
            for part, outcome in zip(package.parts, outcomes, strict=True):
                left_out = isinstance(outcome, Setback) and outcome.reason is reasons.GRAPH_PART_UNANSWERED
                if (package.refused and isinstance(outcome, Problem)) or (
                    part.attempts and (package.refused or left_out)
                ):
                    # Which of its reads the envelope was refused for, each of them alone will tell.
                    part.alone = True
                    if isinstance(outcome, Problem):
                        self._traffic.retries += 1
                        self._queue(part, first=True)
                        continue
                self._settle(part, outcome, package.token, now)

    def _carry(self, package: _Package[R]) -> list[Outcome]:
        """Sends one package, in a thread of the pool; never raises but for a sign-in that is refused."""
        count = len(package.parts)
        package.token = self._pump.tokens.token()
        request = package.parts[0].request
        try:
            if request.ids:
                reply = self._pump.wire.send(request.path, package.token, {"ids": request.ids})
            elif count == 1:
                reply = self._pump.wire.send(request.path, package.token, headers=request.headers)
            else:
                payload = batch_payload([part.request for part in package.parts])
                reply = self._pump.wire.send(f"{request.version}/$batch", package.token, payload)
        except UnreachableError:
            return [Setback(reasons.GRAPH_UNREACHABLE)] * count
        except BrokenAnswerError:
            package.refused = count > 1
            return [Setback(reasons.GRAPH_ANSWER_UNREADABLE)] * count
        except AnswerTooLargeError:
            package.refused = count > 1
            return [Problem(reasons.GRAPH_ANSWER_TOO_LARGE, None, {"limit": self._settings.largest_answer})] * count
        package.received = reply.received
        body = reply.json()
        outcome = judge(reply.status, reply.headers, body)
        if count > 1 and isinstance(outcome, Answer):
            return batch_outcomes(body, count, reply.headers)
        package.refused = count > 1 and (
            isinstance(outcome, Problem)
            or (
                isinstance(outcome, Setback)
                and outcome.reason in (reasons.GRAPH_UNAVAILABLE, reasons.GRAPH_ANSWER_UNREADABLE)
            )
        )
        return [outcome] * count

    def _settle(self, part: _Pending[R], outcome: Outcome, token: str, now: float) -> None:
        if not isinstance(outcome, Setback):
            self._traffic.answers += 1
            if isinstance(outcome, Answer) and (link := outcome.body.get(NEXT_LINK)):
                outcome = replace(outcome, following=self._settings.below(link) if isinstance(link, str) else None)
            self._deliver(part, outcome)
            return
        part.attempts += 1
        if outcome.reason is reasons.GRAPH_TOKEN_REFUSED:
            if part.token_renewed:
                self._deliver(part, outcome.problem(part.attempts))
                return
            part.token_renewed = True
            self._pump.tokens.renewed(token)
            self._traffic.retries += 1
            self._queue(part, first=True)
            return
        # What was let in since is not refused for good: a token may be taken back more than once while a read waits.
        part.token_renewed = False
        throttled, unreachable = outcome.reason is reasons.GRAPH_THROTTLED, outcome.reason is reasons.GRAPH_UNREACHABLE
        self._traffic.throttled += throttled
        patience = self._settings.patience
        pause = outcome.retry_after
        if pause is None:
            ceiling = min(patience.longest_pause, patience.first_pause * 2 ** (part.attempts - 1))
            pause = ceiling * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not secrecy
        elif throttled and part.request.lane not in self._given_up:
            self._lanes.bucket(part.request.lane).close(now + min(pause, patience.longest_wait))
        if pause > patience.longest_wait:
            # Graph limits some collections on their own: the lane rests once, and the others of it are tried again.
            self._given_up.add(part.request.lane)
            fields = {"seconds": pause, "limit": patience.longest_wait}
            self._deliver(part, Problem(reasons.GRAPH_WAIT_TOO_LONG, outcome.status, fields))
            return
        if pause >= _WAIT_TOLD:
            self._tell(part.request, pause)
        most = patience.connect_attempts if unreachable else patience.attempts
        if part.request.optional and outcome.status == 500:
            most = min(most, _ATTEMPTS_OF_OPTIONAL)
        started = part.first_sent if part.first_sent is not None else now
        if part.attempts >= most or now + pause - started > patience.request_seconds:
            if unreachable and self._traffic.answers == 0:
                raise ReasonedError(reasons.GRAPH_UNREACHABLE.failure(attempts=part.attempts))
            self._deliver(part, outcome.problem(part.attempts))
            return
        self._traffic.retries += 1
        self._ticket += 1
        heapq.heappush(self._later, (now + pause, self._ticket, part))

    def _tell(self, request: Request, pause: float) -> None:
        until = datetime.now(UTC) + timedelta(seconds=pause)
        label = label_of_path(request.path)
        said = f"waiting for Microsoft until {until:%H:%M} UTC ({label})" if label else ""
        if said and said not in self._told:
            self._told.add(said)
            (self._pump.say or _log.info)(said)

    def _deliver(self, part: _Pending[R], outcome: Answer | Problem) -> None:
        running = part.owner
        running.answers[part.position] = outcome
        running.missing -= 1
        if running.missing == 0:
            answers = [answer for answer in running.answers if answer is not None]
            running.answers = []
            self._advance(running, answers)
