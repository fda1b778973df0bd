"""What all workers share about how much may be sent, and what was pruned."""

from __future__ import annotations

from uuid import UUID

from django.db import models

from contacts.models import LedgerModel

NO_DISPLAY = UUID(int=0)


class Limit(models.Model):
    """A provider's rate limit: one row per linked account, or per app where the limit
    is the app's. ``tat``: when the calls made so far will have been paid for, in
    seconds since 1970."""

    key = models.CharField(max_length=80, primary_key=True)
    tat = models.FloatField()

    def __str__(self) -> str:
        return f"{self.key} paid for by {self.tat:.0f}"


class Slot(models.Model):
    """One of the simultaneous drains that a provider allows, who has it, and until
    when (seconds since 1970) should its worker die."""

    key = models.CharField(max_length=80)
    number = models.PositiveSmallIntegerField()
    holder = models.UUIDField()
    until = models.FloatField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("key", "number"), name="slot_once"),
        )

    def __str__(self) -> str:
        return f"slot {self.number} of {self.key}"


class DayTotal(LedgerModel):
    """How many deliveries of a day's signups (of a list: created that day) ended in a
    state and were pruned: the books still balance without them."""

    display_id = models.UUIDField(default=NO_DISPLAY)
    target_id = models.UUIDField()
    day = models.DateField()
    state = models.CharField(max_length=16)
    reason = models.CharField(max_length=40, blank=True)
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("account", "display_id", "target_id", "day", "state", "reason"),
                name="day_total_once",
            ),
        )
        indexes = (models.Index(fields=("account", "day"), name="day_total_of_day"),)

    def __str__(self) -> str:
        return f"{self.count} {self.state} on {self.day}"


class Lease(models.Model):
    """The rows of one claim, until they are settled: who looks for workers that died
    reads these, not the outbox."""

    claim_id = models.UUIDField(primary_key=True)
    linked_account_id = models.UUIDField()
    until = models.DateTimeField()
    ids = models.JSONField()

    def __str__(self) -> str:
        return f"{len(self.ids)} rows until {self.until:%H:%M:%S}"
