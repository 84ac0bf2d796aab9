"""Lets a source read on while what it has read is being worked on."""

import queue
import threading
import time
from collections.abc import Iterable, Iterator
from contextvars import copy_context
from typing import Final, Generic, Self, TypeVar, cast

T = TypeVar("T")

_LONGEST_GOODBYE: Final = 5.0


class Ahead(Generic[T]):
    """The items of an iterable, taken from it by a thread of its own up to `size` items ahead of the reader.

    An exception of the iterable comes out where the next item would. Close it, also after an early end: the thread
    then stops at its next item and lets go of the iterable. The iterable runs in that thread alone.
    """

    def __init__(self, items: Iterable[T], size: int) -> None:
        self._items = items
        # An item, or what is raised in place of the next one.
        self._waiting: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(size)
        self._closed = threading.Event()
        # In the reader's context: what the iterable logs is part of the reader's run.
        self._thread = threading.Thread(target=copy_context().run, args=(self._take,), name="ahead", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        item, end = self._waiting.get()
        if end is None:
            return cast(T, item)
        self._waiting.put((None, StopIteration()))
        raise end

    def close(self) -> None:
        """Stops taking items and waits for the thread, five seconds at most; what was taken and not read is dropped.

        A source may be waiting out a pause that another side asked for; a run that is cancelled has no time for that.
        """
        self._closed.set()
        deadline = time.monotonic() + _LONGEST_GOODBYE
        while self._thread.is_alive() and time.monotonic() < deadline:
            try:
                self._waiting.get(timeout=0.05)
            except queue.Empty:
                continue

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self) -> None:
        items = iter(self._items)
        end: BaseException = StopIteration()
        try:
            for item in items:
                if not self._offer(item, None):
                    break
        except BaseException as problem:
            end = problem
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()
        self._offer(None, end)

    def _offer(self, item: T | None, end: BaseException | None) -> bool:
        while not self._closed.is_set():
            try:
                self._waiting.put((item, end), timeout=0.1)
            except queue.Full:
                continue
            return True
        return False
