"""Work that goes on in the background for an account, by one worker at a time.

Whoever holds a job's claim works on it. All is written by conditional UPDATEs on the
job's own columns, so a worker that lost its claim changes nothing, and one that died
is followed by another when its lease ends.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Self
from uuid import UUID, uuid4

from django.db import models
from django.db.models import Q

from contactsync.lib.clock import now
from contactsync.tenancy.models import TenantModel, TenantQuerySet, User

OPEN = ("queued", "running")
"""States of a job that a worker should go on with."""

FREE: dict[str, Any] = {"claim_id": None, "lease_until": None}


class JobQuerySet(TenantQuerySet):
    def free(self) -> Self:
        """Open jobs that no worker holds."""
        unheld = Q(lease_until=None) | Q(lease_until__lt=now())
        return self.filter(unheld, status__in=OPEN)

    def held(self, pk: UUID, claim_id: UUID | None) -> Self:
        """A job as long as it is ours: empty once it was stopped or taken over."""
        return self.filter(pk=pk, claim_id=claim_id, status="running")


class Job(TenantModel):
    """``rows_done`` of ``rows_total`` of a file; ``error`` says why it failed."""

    filename = models.CharField(max_length=200)
    rows_total = models.PositiveIntegerField(default=0)
    rows_done = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=now)
    finished_at = models.DateTimeField(null=True)
    claim_id = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        abstract = True

    @classmethod
    def take(cls, pk: UUID, lease: timedelta, **values: Any) -> UUID | None:
        """Claim a job for ``lease``; ``None``: somebody has it, or it is not open."""
        claim_id = uuid4()
        values |= {"claim_id": claim_id, "lease_until": now() + lease}
        won = cls.objects.free().filter(pk=pk).update(status="running", **values)
        return claim_id if won else None

    def move(self, among: tuple[str, ...], **values: Any) -> bool:
        """Change a job that is in one of these states, and take it from its worker.

        Reads the row again. False: it is in another state, and nothing was changed.
        """
        found = type(self).objects.filter(pk=self.pk, status__in=among)
        won = found.update(**{**values, **FREE})
        self.refresh_from_db()
        return bool(won)
