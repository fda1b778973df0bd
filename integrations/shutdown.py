"""Telling a worker's processes that it was asked to stop: they finish their batch."""

from __future__ import annotations

import multiprocessing
from multiprocessing.synchronize import Event

_asked: Event | None = None


def prepare() -> None:
    """In the worker's first process, before it forks the others."""
    global _asked
    _asked = multiprocessing.get_context("fork").Event()


def ask() -> None:
    if _asked is not None:
        _asked.set()


def asked() -> bool:
    """Whether nothing new should be begun. False outside a worker."""
    return _asked is not None and _asked.is_set()
