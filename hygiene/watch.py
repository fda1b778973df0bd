"""Keeps a process's lists as new as the data base's, off the path of any request.

A thread of the process looks every ``HYGIENE_LISTS_SECONDS``: at which releases are in
use, and at the table of mail hosts once somebody asks for it. What is new is read and
put in place in one assignment. A look that fails changes nothing.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from django.conf import settings
from django.db import connection

from hygiene import known, mail_hosts, releases
from hygiene.facts import Standing, build, keeper, packaged_lists
from hygiene.policy import Mode

log = structlog.get_logger(__name__)
T = TypeVar("T")


def wide() -> bool:
    """Whether this installation loads the wide lists."""
    return str(settings.HYGIENE_WIDE) != Mode.OFF


class Watch:
    """One per process. ``seconds`` between two looks."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._pid = 0
        self._stamp: frozenset[tuple[str, str]] | None = None

    def glance(self) -> None:
        """Called with every use of the facts: sees to it that the thread runs."""
        if self._pid != os.getpid():  # first use, or first after a fork
            with self._lock:
                if self._pid != os.getpid():
                    self._pid = os.getpid()
                    threading.Thread(
                        target=self._run, name="hygiene-lists", daemon=True
                    ).start()

    def first(self) -> Standing:
        """What to judge with when the process starts.

        Asked in a thread of its own, for the caller may be in a transaction that a
        failing query would end. Without a data base the installed packages do.
        """
        made: list[Standing] = []

        def make() -> None:
            made.append(self._guarded(self._load) or build(packaged_lists(wide())))

        thread = threading.Thread(target=make, name="hygiene-first")
        thread.start()
        thread.join()
        return made[0]

    def look(self) -> bool:
        """Put newer lists in place. True when there were some. Raises DatabaseError."""
        mail_hosts.refresh()
        if releases.stamp() == self._stamp:
            return False
        keeper.put(self._load())
        log.info("lists loaded", lists=[f"{name}" for name, _ in self._stamp or ()])
        return True

    def _load(self) -> Standing:
        stamp = releases.stamp()
        standing = releases.load(wide())
        known.load_traps()
        self._stamp = stamp
        return standing

    def _run(self) -> None:
        while True:
            time.sleep(self._seconds)
            self._guarded(self.look)

    def _guarded(self, ask: Callable[[], T]) -> T | None:
        try:
            return ask()
        except Exception as error:  # a thread that dies would be found by nobody
            # The first look of a command that is run before ``migrate`` is no news.
            say = log.warning if self._stamp is not None else log.debug
            say("lists stay as they are", error=type(error).__name__)
            return None
        finally:
            connection.close()


def start() -> None:
    """Have this process's facts looked after from their first use on.

    For ``AppConfig.ready``: touches no data base. Off with 0 seconds.
    """
    seconds = float(settings.HYGIENE_LISTS_SECONDS)
    keeper.maker = lambda: build(packaged_lists(wide()))
    if seconds > 0:
        watch = Watch(seconds)
        keeper.maker, keeper.on_use = watch.first, watch.glance
