"""Start several processes, keep them running, and stop all of them together.

Each child runs under a small shim (this file, started as a script): the shim leads
a process group of its own and holds the read end of a pipe whose only write end
lives in the supervisor. When the supervisor ends in any way, kill -9 included, the
pipe closes and the shim stops its child, so no process is ever left behind.

Standard library only: nothing here knows Django.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

TICK = 0.1  # seconds between two looks at the children
STEADY = 30.0  # seconds of running after which a crash counts as a first one again
ONE_PRESS = 0.5  # seconds: make, timeout and the terminal each pass on one Ctrl-C
COLOURS = (36, 35, 33, 34, 32, 31)  # ANSI foreground codes, one a child


class AlreadyRunning(Exception):
    """Another supervisor holds the lock; the message names its process id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A process to keep running: a name for its log lines and its command."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)


class Console:
    """Whole lines to one stream from many threads, each with its writer's name."""

    def __init__(self, stream: IO[str], names: Sequence[str]) -> None:
        self._stream = stream
        self._width = max((len(name) for name in names), default=0)
        self._colour = stream.isatty() and "NO_COLOR" not in os.environ
        self._colours = {
            name: COLOURS[index % len(COLOURS)] for index, name in enumerate(names)
        }
        self._lock = threading.Lock()
        self.broken = False

    def line(self, name: str, text: str) -> None:
        label = f"{name:<{self._width}} |"
        if self._colour and name in self._colours:
            label = f"\033[{self._colours[name]}m{label}\033[0m"
        self.write(f"{label} {text}\n")

    def write(self, text: str) -> None:
        """Never raises: with nobody left to read, `broken` becomes true."""
        with self._lock:
            try:
                self._stream.write(text)
                self._stream.flush()
            except (OSError, ValueError):
                self.broken = True


class _Running:
    """One child and the story of its restarts."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.restart_at = 0.0
        self.delay = 0.0


class Supervisor:
    """Keep `children` running until a signal, then stop them all.

    grace: seconds between TERM and KILL. backoff: seconds before the first restart
    in a row and, doubling, at most. lock_fd: a descriptor every shim keeps open, so
    that the lock lasts as long as the last child.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        stream: IO[str] | None = None,
        grace: float = 10.0,
        backoff: tuple[float, float] = (1.0, 30.0),
        lock_fd: int | None = None,
    ) -> None:
        names = [child.name for child in children]
        self.console = Console(stream or sys.stdout, names)
        self._all = [_Running(child) for child in children]
        self._grace = grace
        self._backoff = backoff
        self._lock_fd = lock_fd
        self._signals = 0
        self._last_signal = -ONE_PRESS

    @property
    def stopping(self) -> bool:
        return self._signals > 0 or self.console.broken

    def run(self, ready: Callable[[], bool], on_ready: Callable[[], None]) -> int:
        """Start the children and stay until a signal; return 0 after a clean stop.

        SIGINT, SIGTERM and SIGHUP stop everything, a second one at once (then the
        answer is 1). `ready` is asked again and again in a thread of its own; the
        first time it says True, `on_ready` is called once.
        """
        stops = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._signalled) for number in stops}
        threading.Thread(
            target=self._await_ready, args=(ready, on_ready), daemon=True
        ).start()
        try:
            while not self.stopping:
                for one in self._all:
                    self._look_after(one)
                time.sleep(TICK)
        finally:
            clean = self._stop()
            for number, handler in before.items():
                signal.signal(number, handler)
        return 0 if clean else 1

    def _signalled(self, number: int, frame: object) -> None:
        now = time.monotonic()
        if now - self._last_signal >= ONE_PRESS:
            self._signals += 1
            self._last_signal = now

    def _await_ready(
        self, ready: Callable[[], bool], on_ready: Callable[[], None]
    ) -> None:
        while not self.stopping:
            if ready():
                on_ready()
                return
            time.sleep(2 * TICK)

    def _look_after(self, one: _Running) -> None:
        """Start the child when it is due; notice and announce its end."""
        now = time.monotonic()
        if one.process is None:
            if now >= one.restart_at:
                self._start(one)
            return
        code = one.process.poll()
        if code is None:
            return
        _kill_group(one.process)
        one.process = None
        first, most = self._backoff
        steady = now - one.started >= STEADY
        one.delay = first if steady or not one.delay else min(one.delay * 2, most)
        one.restart_at = now + one.delay
        self.console.line(
            one.child.name,
            f"stopped ({describe(code)}); starting again in {one.delay:g} s",
        )

    def _start(self, one: _Running) -> None:
        shim = [sys.executable, "-I", "-S", __file__, str(self._grace)]
        one.process = subprocess.Popen(
            [*shim, *one.child.argv],
            env={**os.environ, **one.child.env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=() if self._lock_fd is None else (self._lock_fd,),
        )
        one.started = time.monotonic()
        threading.Thread(
            target=self._relay, args=(one.child.name, one.process.stdout), daemon=True
        ).start()

    def _relay(self, name: str, output: IO[bytes]) -> None:
        with output:
            for line in output:
                self.console.line(name, line.decode(errors="replace").rstrip())

    def _stop(self) -> bool:
        """TERM to all, KILL to what is left; True when nothing had to be killed."""
        alive = [one.process for one in self._all if one.process is not None]
        self.console.write(f"Stopping {len(alive)} processes ...\n")
        for process in alive:
            process.terminate()
        deadline = time.monotonic() + self._grace
        while self._signals < 2 and time.monotonic() < deadline:
            if all(process.poll() is not None for process in alive):
                break
            time.sleep(TICK)
        late = [process for process in alive if process.poll() is None]
        for process in alive:
            _kill_group(process)
            process.wait()
        self.console.write("Stopped.\n" if not late else "Stopped by force.\n")
        return not late


def _kill_group(shim: subprocess.Popen[bytes]) -> None:
    """End whatever is left of the shim's process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(shim.pid, signal.SIGKILL)


def describe(code: int) -> str:
    """An exit status in words: "exit code 3", or "signal SIGKILL"."""
    number = -code if code < 0 else code - 128
    with contextlib.suppress(ValueError):
        return f"signal {signal.Signals(number).name}"
    return f"exit code {code}"


@contextlib.contextmanager
def only_one(path: Path, *, patience: float = 15.0) -> Iterator[int]:
    """Hold the lock file at `path`; yield its descriptor.

    After a supervisor that was killed, its children may need `patience` seconds to
    end: they hold the lock too, so wait for them. Raises AlreadyRunning.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + patience
        while not _locked(handle):
            holder = os.pread(handle, 20, 0).decode().strip()
            if _is_alive(holder) or time.monotonic() >= deadline:
                raise AlreadyRunning(holder)
            time.sleep(TICK)
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield handle
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now. Raises PermissionError (port < 1024)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise
        except OSError:
            return False
    return True


def port_holder(port: int) -> str:
    """Who listens on a TCP port, as "process 12 (python x.py)", or "" if unknown.

    Linux only, and only processes this user may look into.
    """
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*") if sockets else ():
        with contextlib.suppress(OSError):
            if not sockets.isdisjoint(_open_files(process)):
                words = (process / "cmdline").read_bytes().split(b"\0")
                command = b" ".join(words).decode(errors="replace").strip()
                return f"process {process.name} ({command[:120]})"
    return ""


def _open_files(process: Path) -> Iterator[str]:
    for link in (process / "fd").iterdir():
        with contextlib.suppress(OSError):  # closed in the meantime
            yield os.readlink(link)


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                cells = line.split()
                local_port = int(cells[1].rpartition(":")[2], 16)
                if cells[3] == "0A" and local_port == port:  # 0A: listening
                    yield cells[9]


def shim(arguments: Sequence[str]) -> int:
    """Run one command for as long as standard input stays open.

    arguments: seconds of grace, then the command. Ends with the command's exit
    status, or 128 + the number of the signal that ended it.
    """
    grace = float(arguments[0])
    process: subprocess.Popen[bytes] | None = None
    orphaned = threading.Event()

    def forward(number: int, frame: object) -> None:
        if process is None:
            os._exit(128 + number)
        process.terminate()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, forward)
    try:
        process = subprocess.Popen(arguments[1:], stdin=subprocess.DEVNULL)
    except OSError as error:
        print(error, flush=True)
        return 127

    def watch() -> None:
        while os.read(0, 1):
            continue
        orphaned.set()
        process.terminate()
        time.sleep(grace)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    code = process.wait()
    if orphaned.is_set():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(shim(sys.argv[1:]))
