"""Whether the process runs, whether it can work, and its figures."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from kombu import Connection
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Gauge,
    generate_latest,
)

from activity.incident_work import last_look, silent_for
from activity.models import Incident
from contactsync.lib.clock import now
from hygiene.facts import loaded_lists
from hygiene.lists import OLD_DAYS, ListRefused
from integrations import outbox
from integrations.models import Delivery, LinkedAccount, State, in_states

LATE_SECONDS = 120
OPEN = (State.PENDING, State.SENDING, State.HELD, State.AWAITING_OPT_IN)


def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """What the process needs is there; 503 names what is not.

    A broker that is away degrades (signups are still taken and sent by the sweep
    once it is back); it does not make the web process unready.
    """
    parts: dict[str, Any] = {}
    ready = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        oldest = outbox.oldest_due()
        waits = (now() - oldest).total_seconds() if oldest else 0.0
        parts["database"] = {"ok": True, "engine": connection.vendor}
        parts["oldest_due_seconds"] = round(waits, 1)
        parts["outbox"] = {"ok": waits < LATE_SECONDS}
        parts["worker"] = worker()
        opened = Incident.objects.filter(closed_at=None).count()
        parts["incidents"] = {"ok": not opened, "open": opened}
    except Exception as error:
        ready = False
        parts["database"] = {"ok": False, "error": type(error).__name__}
    parts["broker"] = broker()
    parts["lists"] = lists()
    works = ready and parts["broker"]["ok"] and parts["worker"]["ok"]
    status = "ok" if works else "degraded"
    return JsonResponse(
        {"status": status if ready else "unready", **parts},
        status=200 if ready else 503,
    )


def worker() -> dict[str, Any]:
    """Whether any worker has reported lately; None before the first one did."""
    last = last_look()
    ago = None if last is None else round(time.time() - last, 1)
    return {"ok": silent_for() is None, "last_seen_seconds": ago}


def lists() -> dict[str, Any]:
    """What this process filters by. A list that is old is a warning and no more."""
    try:
        loaded = loaded_lists()
    except ListRefused as error:
        return {"ok": False, "error": str(error)}
    today = now().date()
    shown = []
    warnings = []
    for each in loaded:
        days = each.age_days(today)
        shown.append(
            {
                "name": each.name,
                "version": each.version,
                "domains": each.count,
                "left_out": each.dropped,
                "released_on": each.released_on,
                "age_days": days,
            }
        )
        if days is not None and days >= OLD_DAYS:
            warnings.append(
                f"{each.name} {each.version} is {days} days old. Look for a newer "
                "version, install it and run: manage.py hygiene_lists update"
            )
    return {"ok": True, "loaded": shown, "warnings": warnings}


def broker() -> dict[str, Any]:
    try:
        with Connection(
            settings.BROKER_URL,
            transport_options=settings.CELERY_BROKER_TRANSPORT_OPTIONS,
            connect_timeout=1,
        ) as link:
            link.ensure_connection(max_retries=0, timeout=1)
        return {"ok": True}
    except Exception as error:
        return {"ok": False, "error": type(error).__name__}


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus: the outbox as it stands now, and this process's own figures."""
    registry = CollectorRegistry()
    open_rows = Gauge(
        "contactsync_deliveries_open",
        "Deliveries that are not at their end, by state.",
        ["state"],
        registry=registry,
    )
    for state in OPEN:
        open_rows.labels(state).set(Delivery.objects.filter(in_states([state])).count())
    oldest = outbox.oldest_due()
    Gauge(
        "contactsync_oldest_due_seconds",
        "How long the delivery that waits longest has been due.",
        registry=registry,
    ).set((now() - oldest).total_seconds() if oldest else 0)
    Gauge(
        "contactsync_linked_accounts_broken",
        "Linked accounts that somebody has to reconnect.",
        registry=registry,
    ).set(LinkedAccount.objects.filter(removed_at=None, status="broken").count())
    Gauge(
        "contactsync_incidents_open",
        "What is not as promised, all accounts together.",
        registry=registry,
    ).set(Incident.objects.filter(closed_at=None).count())
    last = last_look()
    if last is not None:
        Gauge(
            "contactsync_worker_last_seen_seconds",
            "How long ago a worker last reported.",
            registry=registry,
        ).set(time.time() - last)
    figures = (
        ("age_days", "Days since a list was released, or came to this machine."),
        ("domains", "Domains in a list."),
    )
    found = lists().get("loaded", [])
    for figure, about in figures:
        gauge = Gauge(
            f"contactsync_list_{figure}", about, ["name", "version"], registry=registry
        )
        for each in found:
            if each[figure] is not None:
                gauge.labels(each["name"], each["version"]).set(each[figure])
    body = generate_latest(registry) + generate_latest()
    return HttpResponse(body, content_type=CONTENT_TYPE_LATEST)
