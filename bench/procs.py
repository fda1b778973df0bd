"""Processes that a benchmark starts or watches, and what the kernel says they cost."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.services import free_port

TICK = os.sysconf("SC_CLK_TCK")
START_SECONDS = 60.0
EVERY = 0.25  # seconds between two samples of memory


def cpu_of(pids: list[int]) -> float:
    """Seconds of user and system time of living processes, with reaped children."""
    total = 0.0
    for pid in pids:
        try:
            parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(part) for part in parts[11:15]) / TICK
    return total


def family(pid: int) -> list[int]:
    """``pid`` and all its descendants."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parts = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(int(parts[1]), []).append(int(stat.parent.name))
    found, queue = [], [pid]
    while queue:
        found.append(queue[0])
        queue += children.get(queue.pop(0), [])
    return found


def cpu_ms(pid: int) -> float:
    """Milliseconds that one thread was on a processor, as the scheduler counts them:
    finer than ``cpu_of``."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6


def rss_mb(pid: int) -> float:
    """Resident memory of one process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


class Meter:
    """CPU seconds of several process families between two moments."""

    def __init__(self, roots: Mapping[str, int]) -> None:
        self._roots = dict(roots)
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        return {name: cpu_of(family(pid)) for name, pid in self._roots.items()}

    def spent(self) -> dict[str, float]:
        after = self._now()
        return {name: after[name] - self._before[name] for name in after}


class Samples(threading.Thread):
    """The resident memory of processes, in MB, until ``stop``."""

    def __init__(self, pids: list[int]) -> None:
        super().__init__(daemon=True)
        self.seen: dict[int, list[float]] = {pid: [] for pid in pids}
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(EVERY):
            for pid, values in self.seen.items():
                values.append(rss_mb(pid))

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def until(true: Callable[[], object], seconds: float, what: str) -> None:
    """Ask again and again. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.02)


@contextlib.contextmanager
def running(command: Sequence[str], **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process with its own words on standard error; ended with TERM."""
    process = subprocess.Popen(
        [sys.executable, *command],
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Stub:
    """The provider that ``bench.stub`` plays."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid = pid
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, path: str) -> Any:
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            link.request("GET", path)
            return json.loads(link.getresponse().read())
        finally:
            link.close()

    def contacts(self) -> int:
        """How many addresses it has been given, each once."""
        return int(self.ask("/stub/counts")["contacts"])

    def answers(self) -> bool:
        try:
            self.ask("/stub/counts")
        except OSError:
            return False
        return True


@contextlib.contextmanager
def provider_stub() -> Iterator[Stub]:
    port = free_port()
    with running(["-m", "bench.stub", str(port)]) as process:
        stub = Stub(process.pid, port)
        until(stub.answers, START_SECONDS, "the stub did not come up")
        yield stub


def provider_urls(stub: Stub) -> str:
    """CONTACTSYNC_PROVIDER_URLS that put the stub in the provider's place."""
    return json.dumps({"mailchimp": stub.url})


@contextlib.contextmanager
def workers(stub: Stub, *, processes: int) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker with that many processes, ready for work."""
    from contactsync.celery import app

    command = ["-m", "celery", "--quiet", "-A", "bench.worker", "worker"]
    command += ["--concurrency", str(processes), "--loglevel", "ERROR"]
    command += ["--without-gossip", "--without-mingle"]
    quiet = {"PYTHONWARNINGS": "ignore:::celery.platforms"}
    urls = {"CONTACTSYNC_PROVIDER_URLS": provider_urls(stub)}
    urls |= {"BENCH_PROVIDER": stub.url}
    with running(command, **quiet, **urls) as process:
        until(
            lambda: app.control.ping(timeout=0.5),
            START_SECONDS,
            "the worker did not come up",
        )
        yield process
