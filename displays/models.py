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
    # Counts the wordings that people were shown.
    version = models.PositiveIntegerField(default=1)
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
    # Rejected first, accepted by somebody later: when. The rules of then count.
    released_at = models.DateTimeField(null=True)

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


class Confirmation(TenantModel):
    """One mail that asks one person to confirm, for all their signups that wait.

    The link's token is kept only as a hash. ``due`` is when there is something to do
    next: send, remind, expire.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "To be sent"
        SENT = "sent", "Sent"
        DELIVERED = "delivered", "Delivered"
        BOUNCED = "bounced", "Bounced"
        CONFIRMED = "confirmed", "Confirmed"
        EXPIRED = "expired", "Expired"

    OPEN = (State.QUEUED, State.SENT, State.DELIVERED)

    contact_id = models.UUIDField()
    email = models.CharField(max_length=320)
    email_key = models.CharField(max_length=400)
    display = models.ForeignKey(
        Display, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    signup_id = models.UUIDField(null=True)
    language = models.CharField(max_length=12, default="en")
    ip = models.GenericIPAddressField(null=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    detail = models.TextField(blank=True, default="")
    token_hash = models.CharField(max_length=64, blank=True, default="")
    message_id = models.CharField(max_length=200, blank=True, default="")
    sends = models.PositiveSmallIntegerField(default=0)
    due = models.DateTimeField(default=now)
    created_at = models.DateTimeField(default=now)
    sent_at = models.DateTimeField(null=True)
    reminded_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    claim_id = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("account", "email_key"),
                condition=models.Q(state__in=("queued", "sent", "delivered")),
                name="confirmation_open_once",
            ),
        )
        indexes = (
            models.Index(
                fields=("due",),
                name="confirmation_due",
                condition=models.Q(state__in=("queued", "sent", "delivered")),
            ),
            models.Index(fields=("token_hash",), name="confirmation_token"),
            models.Index(fields=("contact_id", "-id"), name="confirmation_contact"),
            models.Index(fields=("account", "-id"), name="confirmation_newest"),
        )

    def __str__(self) -> str:
        return f"confirmation of {self.email} ({self.state})"


class ConfirmationMail(TenantModel):
    """One mail that went out, or was about to: what limits count, and what a mail
    provider's report is found by. Written before the mail is handed over.

    ``network`` is the IP address that asked for it, of IPv6 its /64.
    """

    confirmation = models.ForeignKey(
        Confirmation, on_delete=models.CASCADE, related_name="mails"
    )
    email_key = models.CharField(max_length=400)
    network = models.CharField(max_length=64, blank=True, default="")
    message_id = models.CharField(max_length=200)
    reminder = models.BooleanField(default=False)
    at = models.DateTimeField(default=now)

    class Meta:
        indexes = (
            models.Index(fields=("email_key", "at"), name="confirmation_mail_address"),
            models.Index(fields=("network", "at"), name="confirmation_mail_network"),
            models.Index(fields=("message_id",), name="confirmation_mail_id"),
        )

    def __str__(self) -> str:
        return f"mail {self.message_id}"


class ConfirmationSettings(TenantModel):
    """An account's choices for the mails that ask people to confirm.

    ``remind_after`` in hours, 0 for no reminder; ``expires_after`` in days.
    """

    language = models.CharField(max_length=12, default="en")
    remind_after = models.PositiveSmallIntegerField(default=24)
    expires_after = models.PositiveSmallIntegerField(default=7)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "confirmation settings"
        constraints = (
            models.UniqueConstraint(
                fields=("account",), name="confirmation_settings_once"
            ),
        )

    def __str__(self) -> str:
        return f"confirmation settings of {self.account_id}"


class ConfirmationText(TenantModel):
    """The team's wording of the confirmation mail and page in one language."""

    language = models.CharField(max_length=12)
    sender = models.CharField(max_length=80, blank=True)
    subject = models.CharField(max_length=120)
    body = models.TextField()
    button = models.CharField(max_length=60)
    thanks = models.CharField(max_length=400, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("account", "language"), name="confirmation_text_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.subject} ({self.language})"
