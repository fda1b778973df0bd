"""Waking the workers that clean lists."""

from __future__ import annotations

from contactsync.lib.wake import Waker, publisher

TASK = "hygiene.clean_list"
waker = Waker(publisher(TASK))
