"""What visitors see and submit."""

from __future__ import annotations

from django.db import models

from contacts.models import LedgerModel
from contactsync.lib.clock import now
from contactsync.lib.ids import uuid7
from contactsync.tenancy.models import ApiKey, TenantModel
from integrations.models import Target


class Display(TenantModel):
    class Kind(models.TextChoices):
        POPUP = "popup", "Popup"
        BAR = "bar", "Bar"
        FLYOUT = "flyout", "Flyout"
        EMBEDDED = "embedded", "Embedded form"
        HOSTED = "hosted", "Hosted page"

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        LIVE = "live", "Live"
        PAUSED = "paused", "Paused"
        ARCHIVED = "archived", "Archived"

    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.POPUP)
    status = models.CharField(
        max_length=8, choices=Status.choices, default=Status.DRAFT
    )
    headline = models.CharField(max_length=120, default="Join our list")
    body = models.CharField(max_length=400, blank=True)
    button = models.CharField(max_length=40, default="Sign up")
    consent_text = models.CharField(
        max_length=400, default="Email me news and offers. I can leave at any time."
    )
    ask_name = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=now)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-created_at",)
        indexes = (models.Index(fields=("account", "-id"), name="display_newest"),)

    def __str__(self) -> str:
        return self.name


class SyncRule(TenantModel):
    """One display's signups go to one target. Set for each display by itself."""

    display = models.ForeignKey(Display, on_delete=models.CASCADE, related_name="rules")
    target = models.OneToOneField(Target, on_delete=models.CASCADE, related_name="rule")
    enabled = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=now)
    changed_at = models.DateTimeField(auto_now=True)
    # A removed rule keeps its row: deliveries that wait still go out, and the page
    # of a contact can still say which rule sent it.
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("position", "created_at")

    def __str__(self) -> str:
        return f"{self.display}: {self.target}"


class Signup(LedgerModel):
    """What a visitor submitted, and the verdict on it."""

    class Status(models.TextChoices):
        ACCEPTED = "accepted", "Accepted"
        FILTERED = "filtered", "Rejected"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    display = models.ForeignKey(
        Display,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    contact_id = models.UUIDField()
    environment = models.CharField(
        max_length=4,
        choices=ApiKey.Environment.choices,
        default=ApiKey.Environment.LIVE,
    )
    email = models.CharField(max_length=320)
    status = models.CharField(max_length=8, choices=Status.choices)
    category = models.CharField(max_length=16, default="valid")
    rule = models.CharField(max_length=40, blank=True)
    evidence = models.TextField(blank=True)
    also = models.JSONField(default=list)
    suggest = models.CharField(max_length=320, blank=True)
    fields = models.JSONField(default=dict)
    context = models.JSONField(default=dict)
    ip = models.GenericIPAddressField(null=True)
    idempotency_key = models.CharField(max_length=255, blank=True)
    request_hash = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField(default=now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("account", "idempotency_key"),
                name="signup_once_per_key",
                condition=~models.Q(idempotency_key=""),
            ),
            models.CheckConstraint(
                condition=models.Q(status="accepted", category="valid")
                | (models.Q(status="filtered") & ~models.Q(category="valid")),
                name="signup_verdict_fits",
            ),
        )
        indexes = (
            models.Index(fields=("account", "-id"), name="signup_newest"),
            models.Index(
                fields=("account", "-id"),
                name="signup_filtered",
                condition=models.Q(status="filtered"),
            ),
            models.Index(fields=("display", "-id"), name="signup_of_display"),
            models.Index(fields=("contact_id", "-id"), name="signup_of_contact"),
        )

    def __str__(self) -> str:
        return f"{self.email} ({self.status})"
