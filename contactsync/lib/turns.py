"""Taking turns at the one thing that only one may do at a time on this machine."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from types import TracebackType


class Turns:
    """A queue of threads and processes; the kernel wakes the next one at once.

    SQLite by itself lets whoever finds it busy sleep, ever longer, and the one that
    happens to look at the right moment goes first. A process that dies gives up its
    turn. Not reentrant.
    """

    def __init__(self, path: Path | None) -> None:
        """``path`` is shared by the processes; None: the threads of this one only."""
        self._path = path
        self._threads = threading.Lock()
        self._file: int | None = None
        self._pid = 0

    def __enter__(self) -> None:
        self._threads.acquire()
        try:
            if self._path is not None:
                fcntl.flock(self._open(self._path), fcntl.LOCK_EX)
        except OSError:
            # A file system without locks: the data base's own waiting still holds.
            self._path = None
        except BaseException:
            self._threads.release()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._file is not None and self._path is not None:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def _open(self, path: Path) -> int:
        """The lock file, opened by this process itself: a fork would share the lock."""
        if self._file is None or self._pid != os.getpid():
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._pid = os.getpid()
        return self._file
