"""Telling a worker's processes that it was asked to stop: they finish their batch."""

from __future__ import annotations

import mmap

# One byte that forked processes share. No lock: a process that is killed while it holds
# one would take it to the grave, and every other one would wait for it.
_asked: mmap.mmap | None = None


def prepare() -> None:
    """In the worker's first process, before it forks the others."""
    global _asked
    _asked = mmap.mmap(-1, 1)


def ask() -> None:
    if _asked is not None:
        _asked[0] = 1


def asked() -> bool:
    """Whether nothing new should be begun. False outside a worker."""
    return _asked is not None and _asked[0] == 1
