"""What the product noticed by itself and somebody should know."""

from __future__ import annotations

from django.db import models

from contactsync.lib.clock import now
from contactsync.tenancy.models import TenantModel, User


class Incident(TenantModel):
    """Something that is not as promised. One is open per ``kind`` and ``key``.

    ``key`` is what it is about (a display, a rule, a linked account), ``detail`` the
    figures. It closes by itself when they are right again, or by a person with a note:
    then it stays closed until it gets worse. ``seen_at``: when it was last found.
    """

    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=120)
    title = models.CharField(max_length=200)
    detail = models.JSONField(default=dict)
    opened_at = models.DateTimeField(default=now)
    seen_at = models.DateTimeField(default=now)
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    note = models.TextField(blank=True, default="")
    # When the admins were told of it, and that it is right again.
    mailed_at = models.DateTimeField(null=True)
    cleared_mailed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-opened_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("account", "kind", "key"),
                condition=models.Q(closed_at=None),
                name="incident_open_once",
            ),
        )
        indexes = (models.Index(fields=("account", "-id"), name="incident_newest"),)

    def __str__(self) -> str:
        return self.title
