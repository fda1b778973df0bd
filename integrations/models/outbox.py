"""Where rules point at, the outbox, and what was said in it."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import models
from django.db.models import Case, F, Value, When

from contacts.models import LedgerModel
from contactsync.lib.clock import now
from contactsync.tenancy.models import TenantModel
from integrations.models.accounts import LinkedAccount


class Target(TenantModel):
    """Where contacts go, and how: an audience of a linked account, and the options.

    A sync rule owns one, and so does each side of a connection. Waiting deliveries
    point at it, so a corrected mapping serves them too.
    """

    linked_account = models.ForeignKey(
        LinkedAccount, on_delete=models.CASCADE, related_name="targets"
    )
    audience_id = models.CharField(max_length=200)
    audience_label = models.CharField(max_length=200, blank=True)
    double_opt_in = models.BooleanField(default=False)
    update_existing = models.BooleanField(default=True)
    # Ask somebody who had left, and signs up anew, to confirm. Never re-subscribes.
    reconfirm = models.BooleanField(default=False)
    # We ask people ourselves, by mail, before anything of them is sent.
    own_confirmation = models.BooleanField(default=False)
    mapping = models.JSONField(default=dict)
    tags = models.JSONField(default=list)
    conditions = models.JSONField(default=list)
    match = models.CharField(max_length=3, default="all")
    # Set while the provider says that the audience is gone or its fields changed.
    held_reason = models.CharField(max_length=40, blank=True)
    held_detail = models.TextField(blank=True)
    # The drift watch: the audience as the team last accepted it, and what changed.
    seen = models.JSONField(null=True, blank=True)
    warnings = models.JSONField(default=list, blank=True)
    # Comparing the books with the provider: how far, when it ended, what it found.
    reconcile_cursor = models.TextField(blank=True, default="")
    reconciled_at = models.DateTimeField(null=True, blank=True)
    reconciled = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return f"{self.linked_account} → {self.audience_label or self.audience_id}"


class State(models.TextChoices):
    """DESIGN: a delivery is in exactly one of these."""

    PENDING = "pending", "Waiting"
    SENDING = "sending", "Sending"
    SUBMITTED = "submitted", "Submitted"
    AWAITING_OPT_IN = "awaiting_opt_in", "Pending (double opt-in)"
    SYNCED = "synced", "Synced"
    REJECTED = "rejected", "Rejected"
    HELD = "held", "Held"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Skipped"


OPEN = "open"  # the stage of rows that wait or are being sent
WAITS = (State.PENDING, State.SENDING)


def in_states(states: Iterable[str]) -> models.Q:
    """Deliveries in one of these states, by the words of the partial indexes."""
    among = set(states)
    stages = {OPEN if state in WAITS else state for state in among}
    return models.Q(state__in=among, stage__in=stages)


class Delivery(LedgerModel):
    """One signup on its way to one target: a row of the outbox.

    Only ``integrations.outbox`` writes ``state``. The data base derives ``stage`` from
    it: OPEN while the row is pending or sending, else the state. The partial indexes go
    by the stage, so that claiming a row changes no indexed column and PostgreSQL writes
    no index for it (HOT). A query that is to use one has to name the stage.
    """

    linked_account = models.ForeignKey(
        LinkedAccount,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    target = models.ForeignKey(
        Target,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    origin = models.CharField(max_length=4, default="rule")
    contact_id = models.UUIDField()
    signup_id = models.UUIDField(null=True)
    payload = models.JSONField(default=dict)
    state = models.CharField(
        max_length=16, choices=State.choices, default=State.PENDING
    )
    stage = models.GeneratedField(
        expression=Case(
            When(state__in=WAITS, then=Value(OPEN)),
            default=F("state"),
        ),
        output_field=models.CharField(max_length=16),
        db_persist=True,
    )
    reason = models.CharField(max_length=40, default="", blank=True)
    detail = models.TextField(default="", blank=True)
    due = models.DateTimeField(default=now)
    attempts = models.PositiveSmallIntegerField(default=0)
    claim_id = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    attempt_id = models.BigIntegerField(null=True)
    remote_id = models.CharField(max_length=200, default="", blank=True)
    # Who asked the person to confirm: "provider", "us", or nobody.
    asked_by = models.CharField(max_length=8, default="", db_default="", blank=True)
    created_at = models.DateTimeField(default=now)
    changed_at = models.DateTimeField(default=now)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = (
            models.UniqueConstraint(
                fields=("signup_id", "target"), name="delivery_once_per_target"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=State.values),
                name="delivery_state_known",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="sending")
                | models.Q(claim_id__isnull=False, lease_until__isnull=False),
                name="delivery_sending_has_lease",
            ),
        )
        indexes = (
            models.Index(
                fields=("linked_account", "due", "id"),
                name="delivery_due",
                condition=models.Q(stage=OPEN),
            ),
            models.Index(
                fields=("linked_account", "due"),
                name="delivery_opt_in",
                condition=models.Q(stage="awaiting_opt_in"),
            ),
            models.Index(
                fields=("linked_account", "due"),
                name="delivery_submitted",
                condition=models.Q(stage="submitted"),
            ),
            models.Index(
                fields=("linked_account", "id"),
                name="delivery_held",
                condition=models.Q(stage="held"),
            ),
            models.Index(
                fields=("account", "-id"),
                name="delivery_attention",
                condition=models.Q(stage__in=("held", "failed", "rejected")),
            ),
            models.Index(fields=("contact_id", "id"), name="delivery_contact"),
            models.Index(fields=("account", "-id"), name="delivery_newest"),
        )

    def __str__(self) -> str:
        return f"delivery {self.pk} ({self.state})"


class Attempt(LedgerModel):
    """One call of an adapter: for how many contacts, what was said, redacted."""

    linked_account = models.ForeignKey(
        LinkedAccount,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    contacts = models.PositiveIntegerField()
    error = models.CharField(max_length=40, blank=True)
    exchanges = models.JSONField(default=list)
    ms = models.PositiveIntegerField(default=0)
    at = models.DateTimeField(default=now)

    class Meta:
        indexes = (
            models.Index(fields=("linked_account", "-id"), name="attempt_newest"),
        )

    def __str__(self) -> str:
        return f"attempt {self.pk}: {self.contacts} contacts, {self.error or 'ok'}"
