"""Waking the workers that send."""

from __future__ import annotations

from contactsync.lib.wake import Waker, publisher

waker = Waker(publisher("integrations.drain"))
looker = Waker(publisher("integrations.look_for_changes_of"))
comparer = Waker(publisher("integrations.reconcile_of"))
farewell_waker = Waker(publisher("integrations.say_farewell"))
release_waker = Waker(publisher("integrations.release_rest"))
