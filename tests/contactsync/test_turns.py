from __future__ import annotations

import multiprocessing
import threading
import time
from pathlib import Path

import pytest

from contactsync.lib.turns import Turns


def add_slowly(turns: Turns, path: Path, times: int) -> None:
    """Read, wait, write: loses counts unless it is done by one at a time."""
    for _ in range(times):
        with turns:
            count = int(path.read_text())
            time.sleep(0.001)
            path.write_text(str(count + 1))


@pytest.mark.parametrize("shared", [True, False])
def test_threads_take_turns(tmp_path: Path, shared: bool) -> None:
    counter = tmp_path / "count"
    counter.write_text("0")
    turns = Turns(tmp_path / "turns" if shared else None)
    threads = [
        threading.Thread(target=add_slowly, args=(turns, counter, 10)) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.read_text() == "50"


def test_processes_take_turns(tmp_path: Path) -> None:
    counter = tmp_path / "count"
    counter.write_text("0")
    turns = Turns(tmp_path / "turns")
    with turns:  # opened before the fork: each must open its own
        pass
    fork = multiprocessing.get_context("fork")
    workers = [
        fork.Process(target=add_slowly, args=(turns, counter, 20)) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert counter.read_text() == "80"


def test_a_failure_gives_up_the_turn(tmp_path: Path) -> None:
    turns = Turns(tmp_path / "turns")
    with pytest.raises(KeyError), turns:
        raise KeyError
    with turns:
        pass


def test_where_files_cannot_be_locked_threads_still_take_turns(tmp_path: Path) -> None:
    turns = Turns(tmp_path / "no" / "such" / "folder")
    with turns:
        assert turns._threads.locked()
    assert not turns._threads.locked()
