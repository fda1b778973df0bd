"""Actions on many contacts at once: planned, confirmed, run, and undone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Self
from uuid import UUID, uuid4

from django.db import models
from django.db.models import Q

from contacts.models import LedgerModel
from contactsync.lib.clock import now
from contactsync.tenancy.models import TenantModel, TenantQuerySet, User
from integrations.models.outbox import Target

AT_WORK = ("planning", "running", "undoing")


class BulkRunQuerySet(TenantQuerySet):
    def free(self) -> Self:
        """Runs that a worker should go on with, and none holds."""
        unheld = Q(lease_until=None) | Q(lease_until__lt=now())
        return self.filter(unheld, state__in=AT_WORK)

    def held(self, pk: UUID, claim_id: UUID, state: str) -> Self:
        """A run as long as it is ours: empty once it was stopped or taken over."""
        return self.filter(pk=pk, claim_id=claim_id, state=state)


class BulkRun(TenantModel):
    """One bulk action. Nothing is changed before a person has seen its plan.

    ``what`` says which rows or people it is about, ``plan`` what was found to happen
    to them, ``guard`` why a second confirmation is asked for, ``progress`` how far it
    is, ``undo`` what could and what could not be taken back.
    """

    class Kind(models.TextChoices):
        RETRY = "retry", "Retry failed"
        RESUME = "resume", "Send what is held"
        REPLAY = "replay", "Send again"
        BACKFILL = "backfill", "Send a display's history"

    class State(models.TextChoices):
        PLANNING = "planning", "Being planned"
        PLANNED = "planned", "Ready to start"
        STOPPED = "stopped", "Needs a second confirmation"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Failed"
        UNDOING = "undoing", "Being undone"
        UNDONE = "undone", "Undone"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    state = models.CharField(
        max_length=10, choices=State.choices, default=State.PLANNING
    )
    target = models.ForeignKey(
        Target, on_delete=models.CASCADE, null=True, related_name="+"
    )
    what = models.JSONField(default=dict)
    most = models.PositiveIntegerField(null=True)
    plan = models.JSONField(default=dict)
    guard = models.JSONField(default=dict)
    progress = models.JSONField(default=dict)
    undo = models.JSONField(default=dict)
    cursor = models.TextField(blank=True, default="")
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_by_label = models.CharField(max_length=160, blank=True)
    created_at = models.DateTimeField(default=now)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    claim_id = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("-created_at",)
        indexes = (
            models.Index(fields=("account", "-id"), name="bulk_newest"),
            models.Index(
                fields=("lease_until",),
                name="bulk_open",
                condition=models.Q(state__in=("planning", "running", "undoing")),
            ),
        )

    objects = BulkRunQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.get_state_display()})"

    @classmethod
    def take(cls, pk: UUID, lease: timedelta) -> UUID | None:
        """Claim a run for ``lease``; None: somebody has it, or nothing is to do."""
        claim_id = uuid4()
        won = cls.objects.free().filter(pk=pk)
        return (
            claim_id
            if won.update(claim_id=claim_id, lease_until=now() + lease)
            else None
        )

    def move(self, among: Sequence[str], **values: Any) -> bool:
        """Change a run that is in one of these states, and take it from its worker.

        Reads the row again. False: it is in another state, and nothing was changed.
        """
        found = BulkRun.objects.filter(pk=self.pk, state__in=among)
        won = found.update(**{**values, "claim_id": None, "lease_until": None})
        self.refresh_from_db()
        return bool(won)


class BulkItem(LedgerModel):
    """One row of a run: what was planned for its contact, how the provider had them
    before, and what became of it.

    ``before`` is null when it could not be read, else ``status``, ``fields`` (null:
    the provider does not tell), ``tags``, ``at``, and in ``sent`` what we wrote.
    ``was_*`` is what the delivery was before the run took it.
    """

    run = models.ForeignKey(BulkRun, on_delete=models.CASCADE, related_name="items")
    contact_id = models.UUIDField()
    target_id = models.UUIDField()
    delivery_id = models.BigIntegerField(null=True)
    signup_id = models.UUIDField(null=True)
    plan = models.CharField(max_length=10, blank=True)
    reason = models.CharField(max_length=40, blank=True)
    before = models.JSONField(null=True)
    was_state = models.CharField(max_length=16, blank=True)
    was_reason = models.CharField(max_length=40, blank=True)
    was_detail = models.TextField(blank=True)
    outcome = models.CharField(max_length=16, blank=True)
    undone = models.CharField(max_length=16, blank=True)
    detail = models.TextField(blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("run", "contact_id", "target_id"),
                condition=~models.Q(plan="skip"),
                name="bulk_item_once",
            ),
            models.UniqueConstraint(
                fields=("run", "delivery_id"), name="bulk_item_row_once"
            ),
        )
        indexes = (
            models.Index(fields=("delivery_id",), name="bulk_item_delivery"),
            models.Index(fields=("run", "id"), name="bulk_item_walk"),
            models.Index(
                fields=("run", "id"),
                name="bulk_item_waiting",
                condition=models.Q(outcome="waiting"),
            ),
            models.Index(
                fields=("contact_id",),
                name="bulk_item_removed",
                condition=models.Q(undone__in=("removing", "removed")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.contact_id} in {self.run_id}"
