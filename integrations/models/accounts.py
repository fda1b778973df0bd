"""Linked accounts, attempts to link one, and wishes for providers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import models

from contactsync.lib import crypto
from contactsync.lib.clock import now
from contactsync.tenancy.models import ApiKey, TenantModel, User
from integrations.adapters import adapter_class
from integrations.adapters.base import Adapter


class LinkedAccount(TenantModel):
    """An account at a provider that the tenant has connected."""

    class Status(models.TextChoices):
        CONNECTED = "connected", "Connected"
        BROKEN = "broken", "Reconnect"
        PAUSED = "paused", "Paused"

    provider = models.CharField(max_length=40)
    label = models.CharField(max_length=120)
    environment = models.CharField(
        max_length=4,
        choices=ApiKey.Environment.choices,
        default=ApiKey.Environment.LIVE,
    )
    sealed = models.TextField(editable=False)
    identity = models.CharField(max_length=200, blank=True)

    class Leaving(models.TextChoices):
        EVERYWHERE = "everywhere", "Nothing is sent to them anywhere"
        HERE = "here", "They are left alone at this account only"

    class Repair(models.TextChoices):
        REPORT = "report", "Report it"
        SEND = "send", "Send it again"

    status = models.CharField(
        max_length=10, choices=Status.choices, default=Status.CONNECTED
    )
    reason = models.CharField(max_length=40, blank=True)
    detail = models.TextField(blank=True)
    broken_at = models.DateTimeField(null=True, blank=True)
    # Retry-After and rate limits: nothing is claimed before this.
    not_before = models.DateTimeField(null=True, blank=True)
    reading = models.JSONField(null=True, blank=True)
    tested_at = models.DateTimeField(null=True, blank=True)
    linked_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=now)
    # Unlinked: the credentials are wiped, the row stays for the history.
    removed_at = models.DateTimeField(null=True, blank=True)
    # {"id", "label"} of the part of the account that was chosen, if there are parts.
    sub_account = models.JSONField(null=True, blank=True)
    # OAuth 2. The tokens are sealed; this is what planning their refresh needs.
    token_expires_at = models.DateTimeField(null=True, blank=True)
    refreshed_at = models.DateTimeField(null=True, blank=True)
    granted_scopes = models.JSONField(null=True, blank=True)  # null: not known
    # The hourly look: when it began last, and what it found for the account as a whole.
    checked_at = models.DateTimeField(null=True, blank=True)
    warnings = models.JSONField(default=list, blank=True)
    # What follows when somebody leaves at the provider, and when the books and the
    # provider do not agree.
    leaving = models.CharField(
        max_length=10, choices=Leaving.choices, default=Leaving.EVERYWHERE
    )
    repair = models.CharField(
        max_length=10, choices=Repair.choices, default=Repair.REPORT
    )
    # Audience id -> what the provider knows of our webhook there.
    hooks = models.JSONField(default=dict, blank=True)
    # Found to be slow: its turns are taken by workers of their own.
    slow = models.BooleanField(default=False)
    # One worker at a time asks for new tokens: who, and until when it may take.
    refresh_claim = models.UUIDField(null=True, editable=False)
    refresh_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("created_at",)
        indexes = (models.Index(fields=("account",), name="linked_of_account"),)

    def __str__(self) -> str:
        return f"{self.adapter_class.label} · {self.label}"

    @property
    def adapter_class(self) -> type[Adapter]:
        return adapter_class(self.provider)

    @property
    def is_sandbox(self) -> bool:
        """True while the provider's address is pointed elsewhere (demo, tests)."""
        return self.provider in settings.PROVIDER_URLS

    @property
    def _bound_to(self) -> str:
        return f"linked-account:{self.account_id}:{self.pk}"

    def set_credentials(self, secrets: dict[str, str]) -> None:
        """Seal ``secrets``; they are never shown again."""
        self.sealed = crypto.seal(json.dumps(secrets), bound_to=self._bound_to)

    def get_credentials(self) -> dict[str, str]:
        """Raises crypto.SealError."""
        opened: dict[str, str] = json.loads(
            crypto.unseal(self.sealed, bound_to=self._bound_to)
        )
        return opened

    def adapter(self) -> Adapter:
        """A ready adapter. Raises crypto.SealError, adapters.CredentialsError."""
        return self.adapter_class(
            self.get_credentials(),
            base_url=settings.PROVIDER_URLS.get(self.provider),
        )


class LinkAttempt(TenantModel):
    """Linking or reconnecting that is not finished: the person is at the provider, or
    a question waits for their answer. Nothing is linked, and nothing sent, before.

    ``sealed`` holds what was entered, the PKCE verifier, and later the credentials.
    ``state_hash`` is what has to come back from the provider, as a hash; ``taken_at``
    says that it came, which counts once, or that nobody was sent there.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    provider = models.CharField(max_length=40)
    # The account that is reconnected; None: a new one.
    linked = models.ForeignKey(
        LinkedAccount, on_delete=models.CASCADE, null=True, related_name="+"
    )
    label = models.CharField(max_length=120, blank=True)
    environment = models.CharField(
        max_length=4,
        choices=ApiKey.Environment.choices,
        default=ApiKey.Environment.LIVE,
    )
    state_hash = models.CharField(max_length=64, unique=True)
    sealed = models.TextField(editable=False)
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"attempt to link {self.provider}"

    @property
    def adapter_class(self) -> type[Adapter]:
        return adapter_class(self.provider)

    @property
    def _bound_to(self) -> str:
        return f"link-attempt:{self.account_id}:{self.user_id}:{self.pk}"

    def keep(self, contents: Mapping[str, Any]) -> None:
        """Seal ``contents``: JSON values."""
        self.sealed = crypto.seal(json.dumps(contents), bound_to=self._bound_to)

    def contents(self) -> dict[str, Any]:
        """Raises crypto.SealError."""
        opened: dict[str, Any] = json.loads(
            crypto.unseal(self.sealed, bound_to=self._bound_to)
        )
        return opened


class ProviderVote(TenantModel):
    """A tenant's wish for a provider that cannot be linked yet.

    ``name`` as it was written, ``key`` for counting: lower case, letters and digits.
    """

    name = models.CharField(max_length=80)
    key = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("account", "key"), name="provider_vote_once"
            ),
        )
        indexes = (models.Index(fields=("key",), name="provider_vote_key"),)

    def __str__(self) -> str:
        return f"a vote for {self.name}"
