"""Actions on many contacts at once: planned, confirmed, run, and undone."""

from __future__ import annotations

from django.db import models

from contacts.models import LedgerModel
from contactsync.lib.clock import now
from contactsync.tenancy.models import TenantModel, User
from integrations.models.outbox import Target


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
        indexes = (models.Index(fields=("account", "-id"), name="bulk_newest"),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.get_state_display()})"


class BulkItem(LedgerModel):
    """One contact of a run at one target: what was planned, how the provider had them
    before (``before``; null: it could not be read), and what became of it."""

    run = models.ForeignKey(BulkRun, on_delete=models.CASCADE, related_name="items")
    contact_id = models.UUIDField()
    target_id = models.UUIDField()
    delivery_id = models.BigIntegerField(null=True)
    plan = models.CharField(max_length=10, blank=True)
    reason = models.CharField(max_length=40, blank=True)
    before = models.JSONField(null=True)
    outcome = models.CharField(max_length=16, blank=True)
    undone = models.CharField(max_length=16, blank=True)
    detail = models.TextField(blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("run", "contact_id", "target_id"), name="bulk_item_once"
            ),
        )
        indexes = (models.Index(fields=("delivery_id",), name="bulk_item_delivery"),)

    def __str__(self) -> str:
        return f"{self.contact_id} in {self.run_id}"
