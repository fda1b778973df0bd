from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission

from contactsync.api.keys import Key
from contactsync.api.problems import Problem


class SecretKey(BasePermission):
    """Management calls need an sk_ key: a pk_ key stands in web pages."""

    def has_permission(self, request: Any, view: Any) -> bool:
        if not isinstance(request.auth, Key):
            return False
        if not request.auth.is_secret:
            raise Problem(
                403,
                "This call needs a secret key (sk_...). Publishable keys may only "
                "post signups.",
            )
        return True


class AnyKey(BasePermission):
    """What a web page may read with its pk_ key."""

    def has_permission(self, request: Any, view: Any) -> bool:
        return isinstance(request.auth, Key)
