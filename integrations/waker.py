"""Telling the workers that there is something to send, without waiting for it.

The request only puts an id into a set; a thread of the process publishes. So the
answer to a signup takes the same time with a broker that is fast, dead or frozen,
and a burst of signups costs one message per linked account. A message that is lost
costs a delay: the sweep finds the rows.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from uuid import UUID

import structlog
from celery import current_app

log = structlog.get_logger(__name__)

COALESCE_SECONDS = 0.02
BREAKER_SECONDS = 5.0


class Waker:
    """One per process. ``publish`` sends one wake-up and may fail or be slow."""

    def __init__(self, publish: Callable[[str], object]) -> None:
        self._publish = publish
        self._pending: set[str] = set()
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._pid = 0

    def wake(self, linked_account_ids: Iterable[UUID]) -> None:
        """Never blocks, never raises."""
        ids = {str(i) for i in linked_account_ids}
        if not ids:
            return
        with self._lock:
            self._pending |= ids
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
        for linked_account_id in ids:
            try:
                self._publish(linked_account_id)
            except Exception as error:  # a thread that dies would be found by nobody
                log.warning(
                    "broker does not answer; the sweep will find the rows",
                    error=type(error).__name__,
                )
                return False
        return True


def publish_drain(linked_account_id: str) -> None:
    """One wake-up for a worker, by name: the web process needs no task code."""
    current_app.send_task("integrations.drain", [linked_account_id], expires=60)


waker = Waker(publish_drain)
