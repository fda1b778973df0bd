"""The product's processes, one by one: started, killed, and started again.

Whoever runs the product has something that starts a process again when it ended
(systemd, compose, our supervisor). Here that is `Keeper`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.contactsync.test_supervisor import alive, descendants
from tests.services import LAUNCH

ROOT = Path(__file__).resolve().parent.parent.parent
LOOK = 0.1  # seconds between two looks at a process


class Program:
    """One process of the product, with its children. It ends when we do."""

    def __init__(
        self, name: str, words: Sequence[str], env: Mapping[str, str], folder: Path
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.wanted = False
        self.starts = 0
        self._words = [sys.executable, "-m", *words]
        self._env = dict(env)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.RLock()

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} is not running"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def keep(self) -> None:
        """Start it, when it is wanted and does not run. Does not wait."""
        with self._lock:
            if not self.wanted or self.running:
                return
            self.starts += 1
            on_death = str(int(signal.SIGKILL))
            numbers = [str(os.getpid()), on_death, str(os.getuid()), str(os.getgid())]
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", LAUNCH, *numbers, *self._words],
                    env=self._env,
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )

    def kill9(self) -> None:
        """SIGKILL to it and all its children. The keeper starts it again."""
        with self._lock:
            if not self.running:
                return
            family = descendants(self.pid)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._end(family)

    def kill9_child(self) -> None:
        """SIGKILL to its youngest child alone: one of a pool, one web process."""
        with self._lock:
            family = descendants(self.pid) if self.running else []
            if family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(max(family), signal.SIGKILL)

    def stop(self, seconds: float = 20) -> float:
        """SIGTERM, and wait. It is not started again. Returns the seconds it took;
        what has not ended by itself after ``seconds`` is killed."""
        with self._lock:
            self.wanted = False
            if not self.running:
                return 0.0
            family, started = descendants(self.pid), time.monotonic()
            assert self._process is not None
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
            took = time.monotonic() - started
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._end(family)
            return took

    def _end(self, family: Sequence[int]) -> None:
        assert self._process is not None
        self._process.wait()
        for pid in filter(alive, family):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def said(self, words: str) -> bool:
        """Whether its log has these words, of whichever start."""
        return words.encode() in self.log.read_bytes()

    def tail(self, size: int = 3000) -> str:
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""


class Keeper:
    """Starts each program again that ended although it is wanted.

    One thread starts and keeps them all: a process here ends with the thread that
    started it (PR_SET_PDEATHSIG).
    """

    def __init__(self) -> None:
        self.programs: list[Program] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)

    def __enter__(self) -> Keeper:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join(10)
        for program in self.programs:
            program.wanted = False
            program.kill9()

    def add(self, program: Program) -> Program:
        program.wanted = True
        self.programs.append(program)
        return program

    def _keep(self) -> None:
        while not self._end.wait(LOOK):
            for program in self.programs:
                program.keep()
