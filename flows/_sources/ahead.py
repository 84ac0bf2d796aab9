"""Lets a source read on while what it has read is being worked on."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Iterator
from contextvars import copy_context
from typing import Final, Generic, Self, TypeVar, cast

T = TypeVar("T")

_END: Final = object()
_LONGEST_GOODBYE: Final = 5.0


class Ahead(Generic[T]):
    """The items of an iterable, taken from it by a thread of its own up to `size` items ahead of the reader.

    An exception of the iterable comes out where the next item would. Close it, also after an early end: the thread
    then stops at its next item and lets go of the iterable. The iterable runs in that thread alone.
    """

    def __init__(self, items: Iterable[T], size: int) -> None:
        self._items = items
        self._waiting: queue.Queue[object] = queue.Queue(size)
        self._closed = threading.Event()
        # In the reader's context: what the iterable logs is part of the reader's run.
        self._thread = threading.Thread(target=copy_context().run, args=(self._take,), name="ahead", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        found = self._waiting.get()
        if found is _END:
            self._waiting.put(_END)
            raise StopIteration
        if isinstance(found, _Raised):
            self._waiting.put(_END)
            raise found.problem
        return cast(T, found)

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
        try:
            for item in items:
                if not self._offer(item):
                    break
            self._offer(_END)
        except BaseException as problem:
            self._offer(_Raised(problem))
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    def _offer(self, item: object) -> bool:
        while not self._closed.is_set():
            try:
                self._waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False


class _Raised:
    def __init__(self, problem: BaseException) -> None:
        self.problem = problem
