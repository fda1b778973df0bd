"""People, what they consented to, and what happened to them.

Consent and Event are ledgers: rows are only added. They name what they speak of by
id without a foreign key, so that they cost one insert on the signup path and can
outlive what they point to.
"""

from __future__ import annotations

from django.db import models

from contactsync.lib.clock import now
from contactsync.lib.ids import uuid7
from contactsync.tenancy.models import Account, TenantModel, TenantQuerySet


class LedgerModel(models.Model):
    """An append-only row of a tenant."""

    account = models.ForeignKey(
        Account,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )

    objects = TenantQuerySet.as_manager()

    class Meta:
        abstract = True


class Contact(LedgerModel):
    """One person (one ``email_key``) in one account."""

    class Status(models.TextChoices):
        ACCEPTED = "accepted", "Accepted"
        FILTERED = "filtered", "Rejected"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.CharField(max_length=320)
    email_key = models.CharField(max_length=400)
    status = models.CharField(max_length=8, choices=Status.choices)
    fields = models.JSONField(default=dict)
    first_seen_at = models.DateTimeField(default=now)
    last_seen_at = models.DateTimeField(default=now)
    # When the person last confirmed, by a click in a mail, that they want this.
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("account", "email_key"), name="contact_once_per_account"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=("accepted", "filtered")),
                name="contact_status_known",
            ),
        )
        indexes = (
            models.Index(
                fields=("account", "-last_seen_at", "-id"), name="contact_latest"
            ),
        )

    def __str__(self) -> str:
        return self.email

    @property
    def name(self) -> str:
        """First and last name as submitted, or an empty string."""
        parts = (self.fields.get("first_name"), self.fields.get("last_name"))
        return " ".join(str(part) for part in parts if part)


class Consent(LedgerModel):
    """What a person was shown and answered, in the words they saw."""

    contact_id = models.UUIDField()
    signup_id = models.UUIDField(null=True)
    given = models.BooleanField()
    text = models.TextField(blank=True)
    source = models.CharField(max_length=20, default="signup")
    page_url = models.TextField(blank=True)
    ip = models.GenericIPAddressField(null=True)
    at = models.DateTimeField(default=now)
    # Which wording of the form; how and which earlier row it confirms; the evidence.
    form_version = models.CharField(max_length=40, default="", db_default="")
    how = models.CharField(max_length=40, default="", db_default="")
    confirms_id = models.BigIntegerField(null=True)
    evidence = models.JSONField(default=dict, db_default={})

    class Meta:
        indexes = (models.Index(fields=("contact_id", "id"), name="consent_contact"),)

    def __str__(self) -> str:
        return f"{'given' if self.given else 'refused'} at {self.at:%Y-%m-%d %H:%M}"


class ConsentPolicy(TenantModel):
    """How much of a visitor's IP address an account keeps; without a row all of it."""

    class Ip(models.TextChoices):
        KEEP = "keep", "Keep it in full"
        TRUNCATE = "truncate", "Keep the network only"
        NONE = "none", "Do not keep it"

    ip = models.CharField(max_length=8, choices=Ip.choices, default=Ip.KEEP)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "consent policies"
        constraints = (
            models.UniqueConstraint(
                fields=("account",), name="consent_policy_once_per_account"
            ),
        )

    def __str__(self) -> str:
        return f"consent policy of {self.account_id}"


class ConsentSeal(LedgerModel):
    """A link of an account's chain: it seals one consent and the link before.

    Made shortly after the consent, by one worker at a time per account, so that a
    signup never waits for another one's.
    """

    consent_id = models.BigIntegerField(unique=True)
    seq = models.BigIntegerField()
    previous = models.CharField(max_length=64)
    # What the row says, what may be erased of it as salted digests only.
    content = models.CharField(max_length=64)
    digests = models.JSONField(default=dict)
    salt = models.CharField(max_length=32, blank=True)
    hash = models.CharField(max_length=64)
    at = models.DateTimeField(default=now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("account", "seq"), name="consent_seal_once"
            ),
        )
        indexes = (models.Index(fields=("at",), name="consent_seal_at"),)

    def __str__(self) -> str:
        return f"seal {self.seq}"


class Suppression(TenantModel):
    """An address nothing is sent to, and who saw to that (SPEC.md D1)."""

    class Actor(models.TextChoices):
        PERSON = "person", "The person unsubscribed"
        BOUNCE = "bounce", "The address bounced"
        COMPLAINT = "complaint", "The person complained"
        ADMIN = "admin", "Somebody on the team"
        MERGE = "merge", "Our own merge"

    email_key = models.CharField(max_length=400)
    actor = models.CharField(max_length=10, choices=Actor.choices)
    reason = models.CharField(max_length=200, blank=True)
    detail = models.TextField(blank=True, default="")
    # Where it came from, and when the person left there; consent must be newer.
    linked_account_id = models.UUIDField(null=True, blank=True)
    left_at = models.DateTimeField(default=now)
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("account", "email_key"), name="suppressed_once_per_account"
            ),
        )

    def __str__(self) -> str:
        return f"{self.email_key} ({self.get_actor_display()})"


class Event(LedgerModel):
    """One line of a contact's timeline.

    ``kind`` is ``noun.verb``; ``data`` is what the page needs to say it in words.
    ``delivery_id`` and ``attempt_id`` lead to the engine's rows.
    """

    contact_id = models.UUIDField()
    kind = models.CharField(max_length=40)
    data = models.JSONField(default=dict)
    delivery_id = models.BigIntegerField(null=True)
    attempt_id = models.BigIntegerField(null=True)
    at = models.DateTimeField(default=now)

    class Meta:
        indexes = (models.Index(fields=("contact_id", "id"), name="event_contact"),)

    def __str__(self) -> str:
        return f"{self.kind} at {self.at:%Y-%m-%d %H:%M:%S}"
