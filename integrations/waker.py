"""Waking the workers that send."""

from __future__ import annotations

from contactsync.lib.wake import Waker, publisher

waker = Waker(publisher("integrations.drain"))
looker = Waker(publisher("integrations.look_for_changes_of"))
comparer = Waker(publisher("integrations.reconcile_of"))
release_waker = Waker(publisher("integrations.release_rest"))
