"""What the filter keeps: each tenant's policy and lists, the installation's own.

Deciding is elsewhere (``hygiene.judge``) and reads none of this itself.
"""

from __future__ import annotations

from django.db import models

from contactsync.lib.clock import now
from contactsync.lib.ids import uuid7
from contactsync.tenancy.jobs import Job
from contactsync.tenancy.models import TenantModel, User


class HygienePolicy(TenantModel):
    """A tenant's choices: for the whole account, or what one display does otherwise.

    ``display_id`` is empty for the account's own. ``modes`` maps a category to on, off
    or flag; what a display leaves out is as its account says, what an account leaves
    out is on. The other choices are ``None`` where they follow in the same way.
    """

    class Mode(models.TextChoices):
        ON = "on", "Reject"
        FLAG = "flag", "Only flag"
        OFF = "off", "Off"

    display_id = models.UUIDField(null=True, blank=True)
    modes = models.JSONField(default=dict)
    strict_masks = models.BooleanField(null=True, blank=True)
    check_mail_hosts = models.BooleanField(null=True, blank=True)
    wide_disposable = models.CharField(max_length=4, choices=Mode.choices, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "hygiene policies"
        constraints = (
            models.UniqueConstraint(
                fields=("account",),
                condition=models.Q(display_id=None),
                name="policy_once_per_account",
            ),
            models.UniqueConstraint(
                fields=("account", "display_id"), name="policy_once_per_display"
            ),
        )

    def __str__(self) -> str:
        return f"policy of {self.display_id or self.account_id}"


class ListEntry(TenantModel):
    """An address or a domain that a tenant always accepts, or never.

    ``value`` is lower-case, a domain in IDNA ASCII; ``tree`` entries hold for the
    domain and all below it. One value is in one list only.
    """

    class Kind(models.TextChoices):
        ALLOW = "allow", "Allow"
        DENY = "deny", "Deny"

    class Scope(models.TextChoices):
        ADDRESS = "address", "Address"
        DOMAIN = "domain", "Domain"
        TREE = "tree", "Domain and all below it"

    kind = models.CharField(max_length=5, choices=Kind.choices)
    scope = models.CharField(max_length=7, choices=Scope.choices)
    value = models.CharField(max_length=320)
    reason = models.CharField(max_length=200, blank=True)
    added_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    added_by_label = models.CharField(max_length=160, blank=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        verbose_name_plural = "list entries"
        constraints = (
            models.UniqueConstraint(
                fields=("account", "scope", "value"), name="listed_once_per_account"
            ),
        )
        indexes = (models.Index(fields=("account", "-id"), name="listed_newest"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


class KnownAddress(models.Model):
    """A mailbox this installation knows for a bot or a spam trap; no address is kept.

    ``digest`` is an HMAC of the literal or the canonical form (``hygiene.known``).
    """

    class Kind(models.TextChoices):
        BOT = "bot", "Bot"
        TRAP = "trap", "Spam trap"

    digest = models.CharField(max_length=64, primary_key=True)
    kind = models.CharField(max_length=4, choices=Kind.choices)
    source = models.CharField(max_length=60)
    added_at = models.DateTimeField(default=now)

    class Meta:
        verbose_name_plural = "known addresses"

    def __str__(self) -> str:
        return f"{self.kind} {self.digest[:8]}"


class ListRelease(models.Model):
    """One version of a domain list as it was loaded, kept to compare and to go back.

    ``entries`` is the list, one domain a line, sorted and compressed by zlib. The
    release in use of a list is its only ``active`` one; ``pinned`` keeps it there when
    the installed package brings another.
    """

    name = models.CharField(max_length=60)
    version = models.CharField(max_length=60)
    sha256 = models.CharField(max_length=64)
    count = models.PositiveIntegerField()
    entries = models.BinaryField()
    released_on = models.DateField(null=True)
    loaded_at = models.DateTimeField(default=now)
    active = models.BooleanField(default=False)
    pinned = models.BooleanField(default=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("name", "sha256"), name="release_once_per_content"
            ),
            models.UniqueConstraint(
                fields=("name",),
                condition=models.Q(active=True),
                name="release_one_active",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


class MailHost(models.Model):
    """What DNS says of a domain's mail, remembered for everybody."""

    class Status(models.TextChoices):
        ACCEPTS = "accepts", "Takes mail"
        REFUSES = "refuses", "Takes no mail"
        UNKNOWN = "unknown", "Not known"

    domain = models.CharField(max_length=255, primary_key=True)
    status = models.CharField(max_length=8, choices=Status.choices)
    detail = models.CharField(max_length=200, blank=True)
    checked_at = models.DateTimeField(default=now)
    valid_until = models.DateTimeField()
    # Set while a worker asks DNS, so that no second one does.
    asking_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.domain} {self.status}"


class CleaningRun(Job):
    """A file of addresses, uploaded to be judged. ``hygiene.cleaning`` does the work.

    ``counts`` maps a category to rows, ``valid`` included; ``rows_done`` is their sum,
    and where the next step of the work begins. ``policy`` is the tenant's as it was at
    the start, in the form ``Policy.from_json`` reads.
    """

    class Status(models.TextChoices):
        UPLOADED = "uploaded", "Choose columns"
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        CANCELLED = "cancelled", "Cancelled"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    size = models.BigIntegerField(default=0)
    status = models.CharField(
        max_length=9, choices=Status.choices, default=Status.UPLOADED
    )
    encoding = models.CharField(max_length=20, blank=True)
    delimiter = models.CharField(max_length=1, blank=True)
    has_header = models.BooleanField(default=True)
    columns = models.JSONField(default=list)
    email_column = models.PositiveSmallIntegerField(null=True)
    first_name_column = models.PositiveSmallIntegerField(null=True)
    last_name_column = models.PositiveSmallIntegerField(null=True)
    counts = models.JSONField(default=dict)
    notes = models.JSONField(default=list)
    policy = models.JSONField(default=dict)
    lists = models.JSONField(default=list)
    started_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=("account", "-id"), name="cleaning_newest"),
            models.Index(
                fields=("lease_until",),
                name="cleaning_open",
                condition=models.Q(status__in=("queued", "running")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.filename} ({self.status})"


class CleaningChunk(models.Model):
    """A piece of a run's file (``raw`` bytes) or of its result (``judged`` rows).

    In the data base, because web and worker may be on different machines. ``data`` is
    compressed by zlib.
    """

    class Kind(models.TextChoices):
        RAW = "raw", "As uploaded"
        JUDGED = "judged", "Judged"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    run = models.ForeignKey(
        CleaningRun, on_delete=models.CASCADE, related_name="chunks"
    )
    kind = models.CharField(max_length=6, choices=Kind.choices)
    seq = models.PositiveIntegerField()
    rows = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict)
    data = models.BinaryField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("run", "kind", "seq"), name="chunk_once_per_place"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.seq} of {self.run_id}"
