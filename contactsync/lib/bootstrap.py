"""What has to exist before the settings can be read."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def local_secret(
    home: Path, name: str, make: Callable[[], str] = lambda: secrets.token_urlsafe(50)
) -> str:
    """The secret kept in ``home/name``, made on first use, readable by us alone.

    Processes may race to make it: the file appears by link(2), so all of them read
    the one that won.
    """
    path = home / name
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        home.mkdir(parents=True, exist_ok=True)
    draft = home / f".{name}.{os.getpid()}.{secrets.token_hex(4)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(make())
        file.flush()
        os.fsync(descriptor)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text().strip()
