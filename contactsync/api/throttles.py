from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework.throttling import BaseThrottle

from contactsync.api.keys import Key
from contactsync.api.limits import limiter


class KeyThrottle(BaseThrottle):
    """API_RATE_PER_KEY on the management API."""

    _wait = 0.0

    def allow_request(self, request: Any, view: Any) -> bool:
        caller = (
            f"api:{request.auth.id}"
            if isinstance(request.auth, Key)
            else f"api-ip:{request.META.get('REMOTE_ADDR')}"
        )
        self._wait = limiter.hit(caller, settings.API_RATE_PER_KEY)
        return not self._wait

    def wait(self) -> float:
        return self._wait
