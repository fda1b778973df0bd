"""Telling the workers that there is something to do, without waiting for it.

The request only puts an id into a set; a thread of the process publishes. So the
answer to a request takes the same time with a broker that is fast, dead or frozen,
and a burst of wake-ups for one thing costs one message. A message that is lost costs
a delay: a sweep finds what there is to do.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable

import structlog
from celery import current_app

log = structlog.get_logger(__name__)

COALESCE_SECONDS = 0.02
EXPIRES_SECONDS = 60
BREAKER_SECONDS = 5.0


class Waker:
    """One per process. ``publish`` sends one wake-up and may fail or be slow."""

    def __init__(self, publish: Callable[[str], object]) -> None:
        self._publish = publish
        self._pending: set[str] = set()
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._pid = 0

    def wake(self, ids: Iterable[object]) -> None:
        """Never blocks, never raises."""
        wanted = {str(each) for each in ids}
        if not wanted:
            return
        with self._lock:
            self._pending |= wanted
            if self._pid != os.getpid():  # first use, or first after a fork
                self._pid = os.getpid()
                self._event = threading.Event()
                threading.Thread(target=self._run, name="waker", daemon=True).start()
        self._event.set()

    def _run(self) -> None:
        while True:
            self._event.wait()
            self._event.clear()
            with self._lock:
                ids, self._pending = self._pending, set()
            if not self._publish_all(ids):
                time.sleep(BREAKER_SECONDS)
            time.sleep(COALESCE_SECONDS)

    def _publish_all(self, ids: set[str]) -> bool:
        for each in ids:
            try:
                self._publish(each)
            except Exception as error:  # a thread that dies would be found by nobody
                log.warning(
                    "broker does not answer; the sweep will find the rows",
                    error=type(error).__name__,
                )
                return False
        return True


def publisher(task: str) -> Callable[[str], object]:
    """One message for a worker, by name: the web process needs no task code."""

    def publish(what: str) -> object:
        return current_app.send_task(task, [what], expires=EXPIRES_SECONDS)

    return publish
