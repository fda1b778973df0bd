"""Migrate, and make tenants: `python -m tests.faults.prepare Acme Other`.

Prints {name: sk_ key}. One process does all of it, for each start takes seconds.
"""

from __future__ import annotations

import io
import json
import sys

import django
from django.core.management import call_command


def main(names: list[str]) -> None:
    django.setup()
    call_command("migrate", verbosity=0)
    keys = {}
    for name in names:
        out = io.StringIO()
        email = f"{name.lower()}@own.test"
        call_command(
            "account_create", name=name, email=email, format="json", stdout=out
        )
        keys[name] = json.loads(out.getvalue())["secret_key"]
    print(json.dumps(keys))


if __name__ == "__main__":
    main(sys.argv[1:])
