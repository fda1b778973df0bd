"""What runs between two places that hold contacts.

Today a file and an audience: the accepted rows of a cleaned list, sent once.
"""

from __future__ import annotations

from django.db import models

from contactsync.tenancy.jobs import Job
from contactsync.tenancy.models import ApiKey
from hygiene.models import CleaningRun
from integrations.models import Target


class ListImport(Job):
    """The accepted rows of a cleaned list on their way into one audience.

    Rows are enqueued chunk by chunk; ``next_chunk`` is the judged chunk to do next and
    moves in the transaction that enqueues its rows, so none is lost or doubled.
    ``consent`` is the tenant's statement of how these people agreed.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        CANCELLED = "cancelled", "Cancelled"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    run = models.ForeignKey(
        CleaningRun, on_delete=models.SET_NULL, null=True, related_name="imports"
    )
    target = models.OneToOneField(
        Target, on_delete=models.PROTECT, related_name="list_import"
    )
    environment = models.CharField(
        max_length=4,
        choices=ApiKey.Environment.choices,
        default=ApiKey.Environment.LIVE,
    )
    consent = models.TextField()
    status = models.CharField(
        max_length=9, choices=Status.choices, default=Status.QUEUED
    )
    next_chunk = models.PositiveIntegerField(default=0)
    enqueued = models.PositiveIntegerField(default=0)
    skipped = models.JSONField(default=dict)

    class Meta:
        indexes = (
            models.Index(fields=("account", "-id"), name="import_newest"),
            models.Index(
                fields=("lease_until",),
                name="import_open",
                condition=models.Q(status__in=("queued", "running")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.filename} to {self.target}"
