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


class ChainCheck(TenantModel):
    """How far an account's consent chain was checked, and what was wrong with it.

    ``seq`` and ``hash`` are of the last link that was looked at, ``head`` and
    ``head_hash`` of the last one of all passes. ``first`` is the first flaw of this
    pass: {"link", "consent", "what", "contact"}; ``flaws`` counts them. ``known`` is
    what is said of it until a whole pass finds nothing. ``passed_at``: when this pass
    came to the end; from there it follows the chain until the next one begins.
    """

    seq = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, blank=True, default="")
    head = models.BigIntegerField(default=0)
    head_hash = models.CharField(max_length=64, blank=True, default="")
    flaws = models.IntegerField(default=0)
    first = models.JSONField(default=dict, blank=True)
    known = models.JSONField(default=dict, blank=True)
    broken = models.BooleanField(default=False)
    checked_at = models.DateTimeField(null=True)
    passed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("account",), name="chain_check_once"),
        )

    def __str__(self) -> str:
        return f"{self.account}: link {self.seq}"
