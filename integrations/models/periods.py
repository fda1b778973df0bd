"""When which rule sent a display's signups somewhere: what the books are checked by."""

from __future__ import annotations

from django.db import models

from contacts.models import LedgerModel
from contactsync.lib.clock import now


class LivePeriod(LedgerModel):
    """From ``since`` until ``until`` (null: still) a rule was switched on.

    Written where the rule is, in the same transaction, and never read by what
    enqueues: whether a delivery is missing is found by two records that do not know
    each other. ``since`` is moved to the moment after the commit, so that a signup
    from then on has seen the rule.
    """

    rule_id = models.UUIDField()
    display_id = models.UUIDField()
    target_id = models.UUIDField()
    environment = models.CharField(max_length=4)
    since = models.DateTimeField(default=now)
    until = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("rule_id",),
                condition=models.Q(until=None),
                name="live_period_open_once",
            ),
        )
        indexes = (
            models.Index(fields=("account", "rule_id"), name="live_period_of_rule"),
        )

    def __str__(self) -> str:
        return f"rule {self.rule_id} since {self.since:%Y-%m-%d %H:%M}"
