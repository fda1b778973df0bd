"""What a worker does with its data base connection around a task."""

from __future__ import annotations

import pytest
from celery.fixups.django import DjangoWorkerFixup
from celery.signals import task_prerun
from django.db import connection, connections, transaction

from contactsync.celery import app
from contactsync.lib.sql import rows


def backend() -> int:
    return int(rows("SELECT pg_backend_pid()")[0][0])


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_a_connection_outlives_the_task() -> None:
    fixup = DjangoWorkerFixup(app)
    first = backend()
    for _ in range(3):
        fixup.close_database()
        task_prerun.send(sender=None)
        assert backend() == first


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_broke_is_replaced_before_the_next_task() -> None:
    first = backend()
    other = connections["default"].copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [first])
    other.close()
    connection.health_check_done = False
    task_prerun.send(sender=None)
    assert backend() != first


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_only_what_is_said_to_be_lax_does_not_wait_for_the_disk() -> None:
    level = "SELECT current_setting('synchronous_commit')"
    rows("SET synchronous_commit TO on")
    try:
        assert rows(level, lax=True)[0][0] == "off"
        assert rows(level)[0][0] == "on"
        with transaction.atomic():
            rows("SELECT 1", lax=True)
            assert rows(level)[0][0] == "on", "what is around it stays durable"
    finally:
        rows("RESET synchronous_commit")
