"""Who there is: people, the accounts they work for, and the keys of those accounts."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models

from contactsync.lib.ids import uuid7


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **more: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **more)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str, **more: Any) -> User:
        return self.create_user(
            email, password, is_staff=True, is_superuser=True, **more
        )


class User(AbstractUser):
    """A person who logs in, by e-mail address."""

    class Theme(models.TextChoices):
        SYSTEM = "system"
        LIGHT = "light"
        DARK = "dark"

    username = None  # type: ignore[assignment]
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    email = models.EmailField("email address", unique=True)
    name = models.CharField(max_length=120, blank=True)
    theme = models.CharField(max_length=6, choices=Theme.choices, default=Theme.SYSTEM)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name.partition(" ")[0] or self.email


class Role(models.IntegerChoices):
    """What a member may do; each includes the ones before it."""

    VIEWER = 10, "Viewer"
    MARKETER = 20, "Marketer"
    ADMIN = 30, "Admin"
    OWNER = 40, "Owner"


class Account(models.Model):
    """A tenant. Everything a merchant has belongs to one."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    suspended_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def initials(self) -> str:
        words = self.name.split()
        return "".join(word[0] for word in words[:2]).upper() or "?"


class Membership(models.Model):
    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, related_name="memberships"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.PositiveSmallIntegerField(choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("account", "user"), name="membership_once_per_account"
            ),
        )

    def __str__(self) -> str:
        return f"{self.user} in {self.account} as {self.get_role_display()}"


class TenantQuerySet(models.QuerySet[Any]):
    def for_account(self, account: Account | int) -> Self:
        """The rows of one tenant: every query of a tenant route goes through here."""
        return self.filter(
            account_id=account if isinstance(account, int) else account.pk
        )


class TenantModel(models.Model):
    """A row that belongs to an account; its id is public and sorts by time."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")

    objects = TenantQuerySet.as_manager()

    class Meta:
        abstract = True


class Invitation(TenantModel):
    """An e-mail address asked to join. The link's token is kept only as a hash."""

    email = models.EmailField()
    role = models.PositiveSmallIntegerField(choices=Role.choices)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.email} to {self.account}"


class ApiKey(TenantModel):
    """A key of the REST API: stored as a hash, shown once.

    ``pk`` keys are public (they stand in web pages): they post signups and read
    display configuration, from the origins listed. ``sk`` keys are for servers.
    """

    class Kind(models.TextChoices):
        PUBLISHABLE = "pk", "Publishable"
        SECRET = "sk", "Secret"

    class Environment(models.TextChoices):
        LIVE = "live", "Live"
        TEST = "test", "Test"

    kind = models.CharField(max_length=2, choices=Kind.choices)
    environment = models.CharField(
        max_length=4, choices=Environment.choices, default=Environment.LIVE
    )
    name = models.CharField(max_length=80)
    hash = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=24)
    origins = models.JSONField(default=list, blank=True)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.name} ({self.hint})"


class AuditEntry(TenantModel):
    """Who did what, when, from where. Append-only."""

    actor = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    actor_label = models.CharField(max_length=160)
    action = models.CharField(max_length=60)
    subject = models.CharField(max_length=200)
    detail = models.JSONField(default=dict)
    ip = models.GenericIPAddressField(null=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = (models.Index(fields=("account", "-id"), name="audit_newest"),)

    def __str__(self) -> str:
        return f"{self.actor_label} {self.action} {self.subject}"


class Suspension(TenantModel):
    """A stop of all sending for one account, until a reviewer clears it.

    Capture goes on. ``evidence`` is the score and its figures as they were when it was
    opened. At most one is open; a decision to keep it leaves it open and can be
    appealed again.
    """

    class Decision(models.TextChoices):
        CLEARED = "cleared", "Cleared"
        KEPT = "kept", "Kept"

    opened_at = models.DateTimeField(auto_now_add=True)
    opened_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    reason = models.TextField()
    evidence = models.JSONField(default=dict)
    appeal = models.TextField(blank=True)
    appealed_at = models.DateTimeField(null=True)
    appealed_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    decision = models.CharField(max_length=7, choices=Decision.choices, blank=True)
    decision_reason = models.TextField(blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("account",),
                condition=models.Q(closed_at=None),
                name="suspended_once",
            ),
        )
        indexes = (models.Index(fields=("account", "-id"), name="suspension_newest"),)

    def __str__(self) -> str:
        return f"suspension of {self.account}"
