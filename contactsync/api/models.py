from __future__ import annotations

from django.db import models

from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, TenantQuerySet


class IdempotencyRecord(models.Model):
    """What was answered to a POST that carried an ``Idempotency-Key``.

    ``status`` is null while the first request is still running.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    operation = models.CharField(max_length=300)
    body_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField(default=now)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("account", "key"), name="idempotency_key_once_per_account"
            ),
        )
        indexes = (
            models.Index(fields=("account", "created_at"), name="idempotency_oldest"),
        )

    def __str__(self) -> str:
        return f"{self.operation} ({self.status or 'running'})"
