"""Making keys; apart from crypto.py because the settings need it first."""

from __future__ import annotations

import base64
import os


def new_key(key_id: str) -> str:
    """A fresh ``id:base64`` entry for CREDENTIAL_KEYS (32 random bytes)."""
    return f"{key_id}:{base64.urlsafe_b64encode(os.urandom(32)).decode()}"
