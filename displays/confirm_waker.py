"""Waking the workers that ask people to confirm."""

from __future__ import annotations

from contactsync.lib.wake import Waker, publisher

EVERYBODY = "due"
"""What a wake-up is about: all that is due. So a burst of signups costs one message."""

_waker = Waker(publisher("displays.confirm"))


def wake() -> None:
    """Never blocks, never raises; a lost one costs a delay."""
    _waker.wake([EVERYBODY])
