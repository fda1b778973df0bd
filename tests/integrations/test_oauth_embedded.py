"""The embedded engine: several processes on one SQLite file, one rotating token."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from contactsync.tenancy.models import Account
from tests.integrations.oauth_steps import signed_in
from tests.integrations.oauth_world import FakeProvider

RENEW = """
import sys, django
django.setup()
from integrations.adapters import ADAPTERS
from integrations.models import LinkedAccount
from integrations.oauth_tokens import renew
from tests.integrations.oauth_world import Paperplane
ADAPTERS["paperplane"] = Paperplane
linked = LinkedAccount.objects.get()
print("ready", flush=True)
sys.stdin.readline()
renew(linked, seen=sys.argv[1])
print(linked.get_credentials()["access_token"])
"""


def start(database: Path, seen: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RENEW, seen],
        env={
            **os.environ,
            "DATABASE_URL": f"sqlite:///{database}",
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "CONTACTSYNC_PROVIDER_URLS": json.dumps(settings.PROVIDER_URLS),
            "CONTACTSYNC_OAUTH": json.dumps(settings.OAUTH_APPS),
            "CREDENTIAL_KEYS": settings.CREDENTIAL_KEYS,
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="test_oauth_races has it")
def test_processes_on_one_file_renew_once(
    acme: Account, plane: FakeProvider, tmp_path: Path
) -> None:
    linked = signed_in(acme, plane)
    database = tmp_path / "one.db"
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(database)])
    seen = linked.get_credentials()["access_token"]
    plane.expire()
    plane.token_seconds = 0.4
    workers = [start(database, seen) for _ in range(3)]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    found = {worker.communicate(timeout=60)[0].strip() for worker in workers}
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    assert len(plane.token_calls) == 1
    assert len(found) == 1 and found <= plane.access
