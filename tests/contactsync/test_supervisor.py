"""The supervisor with small children, in a process of its own, as a person runs it."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contactsync import supervisor
from contactsync.supervisor import Console, describe
from tests.services import free_port

# Real processes: `make test-fast` leaves them to `make test`.
pytestmark = pytest.mark.slow

STEADY_CHILD = "import time; print('here', flush=True); time.sleep(600)"
STUBBORN_CHILD = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('deaf', flush=True); time.sleep(600)"
)
FAMILY_CHILD = (  # a child with a grandchild, like a web server with its workers
    "import subprocess, sys, time;"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print('family', flush=True); time.sleep(600)"
)
HOST = """
import sys
from pathlib import Path
from contactsync.supervisor import Child, Supervisor, only_one
folder, grace, *programs = sys.argv[1:]
children = [
    Child(name=f"child{n}", argv=[sys.executable, "-c", program, folder])
    for n, program in enumerate(programs)
]
with only_one(Path(folder) / "lock", patience=5) as lock:
    several = Supervisor(
        children, grace=float(grace), backoff=(0.2, 0.4), lock_fd=lock
    )
    sys.exit(several.run(lambda: True, lambda: several.console.write("READY\\n")))
"""


class Host:
    """A supervisor process and what it printed so far."""

    def __init__(self, folder: Path, *programs: str, grace: float = 5) -> None:
        self.output = folder / f"output-{time.monotonic_ns()}"
        self.folder = folder
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", HOST, str(folder), str(grace), *programs],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    @property
    def text(self) -> str:
        return self.output.read_text()

    def until(self, words: str, times: int = 1) -> None:
        wait_for(lambda: self.text.count(words) >= times, lambda: self.text)

    def descendants(self) -> list[int]:
        return descendants(self.process.pid)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Host]]:
    hosts: list[Host] = []

    def begin(*programs: str, grace: float = 5) -> Host:
        hosts.append(Host(tmp_path, *programs, grace=grace))
        return hosts[-1]

    yield begin
    for host in hosts:
        family = host.descendants()
        for pid in [host.process.pid, *family]:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        host.process.wait()


def wait_for(
    done: Callable[[], object], said: Callable[[], str] = str, seconds: float = 60
) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, said()
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    return "State:\tZ" not in status


def descendants(root: int) -> list[int]:
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(entry.parent.name)] = int(
                entry.read_text().rpartition(")")[2].split()[1]
            )
        except OSError:
            continue
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


def test_lines_carry_their_childs_name_and_ready_is_said_once(
    start: Callable[..., Host],
) -> None:
    host = start(STEADY_CHILD, STEADY_CHILD)
    host.until("here", 2)
    host.until("READY")
    assert "child0 | here" in host.text
    assert "child1 | here" in host.text
    assert host.text.count("READY") == 1
    assert "\033[" not in host.text, "colour only on a terminal"


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name
)
def test_a_signal_stops_all_children_and_the_exit_code_is_0(
    start: Callable[..., Host], number: signal.Signals
) -> None:
    host = start(STEADY_CHILD, FAMILY_CHILD)
    host.until("here")
    host.until("family")
    family = host.descendants()
    assert len(family) == 5, "two shims, two children, one grandchild"
    host.process.send_signal(number)
    assert host.process.wait(60) == 0
    wait_for(lambda: not any(alive(pid) for pid in family))
    assert host.text.endswith("Stopped.\n")


def test_a_child_that_ends_is_announced_and_started_again_ever_later(
    start: Callable[..., Host],
) -> None:
    host = start("import sys; print('tried', flush=True); sys.exit(3)", STEADY_CHILD)
    host.until("tried", 4)
    assert "stopped (exit code 3); starting again in 0.2 s" in host.text
    assert "stopped (exit code 3); starting again in 0.4 s" in host.text
    assert "starting again in 0.8 s" not in host.text, "0.4 s is the most"
    assert host.text.count("here") == 1, "the other child was left alone"


def test_a_killed_child_comes_back(start: Callable[..., Host]) -> None:
    host = start(STEADY_CHILD)
    host.until("here")
    (shim,) = [p for p in host.descendants() if parent_of(p) == host.process.pid]
    (child,) = descendants(shim)
    os.kill(child, signal.SIGKILL)
    host.until("stopped (signal SIGKILL)")
    host.until("here", 2)


def parent_of(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


def test_a_killed_shim_takes_its_child_along_and_both_come_back(
    start: Callable[..., Host],
) -> None:
    host = start(STEADY_CHILD)
    host.until("here")
    (shim,) = [p for p in host.descendants() if parent_of(p) == host.process.pid]
    (child,) = descendants(shim)
    os.kill(shim, signal.SIGKILL)
    host.until("here", 2)
    assert not alive(child)


@pytest.mark.parametrize("program", [STEADY_CHILD, FAMILY_CHILD, STUBBORN_CHILD])
def test_no_orphan_is_left_when_the_supervisor_is_killed(
    start: Callable[..., Host], program: str
) -> None:
    host = start(program, grace=1)
    wait_for(lambda: "|" in host.text)
    family = host.descendants()
    assert len(family) >= 2
    host.process.kill()
    host.process.wait()
    wait_for(lambda: not any(alive(pid) for pid in family))


def test_a_child_deaf_to_TERM_is_killed_after_the_grace(
    start: Callable[..., Host],
) -> None:
    host = start(STUBBORN_CHILD, grace=1)
    host.until("deaf")
    family = host.descendants()
    host.process.terminate()
    assert host.process.wait(60) == 1
    assert "Stopped by force" in host.text
    assert not any(alive(pid) for pid in family)


def test_a_second_signal_does_not_wait_for_the_grace(
    start: Callable[..., Host],
) -> None:
    host = start(STUBBORN_CHILD, grace=300)
    host.until("deaf")
    host.process.send_signal(signal.SIGINT)
    host.until("Stopping")
    time.sleep(supervisor.ONE_PRESS + 0.1)
    host.process.send_signal(signal.SIGINT)
    assert host.process.wait(60) == 1


def test_one_ctrl_c_that_arrives_twice_is_still_one(
    start: Callable[..., Host],
) -> None:
    slow = (
        "import signal, sys, time;"
        "signal.signal(signal.SIGTERM, lambda *a: (time.sleep(1), print('tidy', "
        "flush=True), sys.exit(0)));"
        "print('here', flush=True); time.sleep(600)"
    )
    host = start(slow)
    host.until("here")
    host.process.send_signal(signal.SIGINT)
    host.process.send_signal(signal.SIGTERM)
    assert host.process.wait(60) == 0
    assert "tidy" in host.text


def test_a_command_that_does_not_exist_is_said(tmp_path: Path) -> None:
    read, write = os.pipe()
    shim = subprocess.run(
        [sys.executable, supervisor.__file__, "1", str(tmp_path / "no-such-program")],
        stdin=read,
        stdout=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(read)
    os.close(write)
    assert shim.returncode == 127
    assert b"no-such-program" in shim.stdout


def test_a_second_one_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with supervisor.only_one(tmp_path / "lock"):
        started = time.monotonic()
        refused = pytest.raises(supervisor.AlreadyRunning, match=str(os.getpid()))
        with refused, supervisor.only_one(tmp_path / "lock", patience=60):
            pytest.fail("two at once")
    assert time.monotonic() - started < 5, "its holder is alive: no waiting"
    with supervisor.only_one(tmp_path / "lock"):
        pass


def test_after_a_kill_the_next_one_waits_for_the_last_child(
    start: Callable[..., Host],
) -> None:
    first = start(STUBBORN_CHILD, grace=1)
    first.until("deaf")
    family = first.descendants()
    first.process.kill()
    first.process.wait()
    second = start(STEADY_CHILD)
    second.until("here")
    assert not any(alive(pid) for pid in family)


def test_nobody_left_to_read_is_no_error() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    console = Console(Gone(), ["web"])
    console.line("web", "hello")
    assert console.broken


def test_colours_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = Terminal()
    Console(coloured, ["web", "worker"]).line("web", "hello")
    assert coloured.getvalue() == "\033[36mweb    |\033[0m hello\n"
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    Console(plain, ["web", "worker"]).line("web", "hello")
    assert plain.getvalue() == "web    | hello\n"


def test_a_taken_port_is_seen_and_its_holder_named() -> None:
    port = free_port()
    assert supervisor.port_is_free("127.0.0.1", port)
    assert supervisor.port_holder(port) == ""
    with socket.create_server(("127.0.0.1", port)):
        assert not supervisor.port_is_free("127.0.0.1", port)
        assert supervisor.port_holder(port).startswith(f"process {os.getpid()} (")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exit code 0"),
        (3, "exit code 3"),
        (137, "signal SIGKILL"),
        (-15, "signal SIGTERM"),
        (255, "exit code 255"),
    ],
)
def test_exit_statuses_in_words(code: int, words: str) -> None:
    assert describe(code) == words
