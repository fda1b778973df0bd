"""``python -m integrations.sandbox``: the sandbox without Django."""

from __future__ import annotations

import sys

from integrations.sandbox.server import main

if __name__ == "__main__":
    sys.exit(main())
