"""REST: linked accounts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from contactsync.api.problems import FieldError, Problem
from contactsync.api.serializers import Choice, Strict, Text, Values
from contactsync.api.views import ApiView
from contactsync.tenancy.models import ApiKey
from integrations import services
from integrations.adapters import ADAPTERS
from integrations.forms import one_line
from integrations.models import LinkedAccount
from integrations.reasons import fix_for

LONGEST_SECRET = 4000


class ResourceOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    readable = serializers.BooleanField(allow_null=True)
    writable = serializers.BooleanField(allow_null=True)
    count = serializers.IntegerField(allow_null=True)
    detail = serializers.CharField(allow_blank=True)

    class Meta:
        ref_name = "ProviderResource"


class ReadingOut(serializers.Serializer[Any]):
    """What Test Account found."""

    ok = serializers.BooleanField()
    title = serializers.CharField(help_text="'Connection Successful', or what fails.")
    detail = serializers.CharField()
    next_step = serializers.CharField()
    reason = serializers.CharField()
    action = serializers.CharField()
    ms = serializers.IntegerField(help_text="Milliseconds the provider took.")
    at = serializers.DateTimeField()
    identity = serializers.CharField()
    account_name = serializers.CharField()
    resources = ResourceOut(many=True)
    notes = serializers.ListField(child=serializers.CharField())
    waiting = serializers.IntegerField(help_text="Contacts that wait at this account.")
    sandbox = serializers.BooleanField()

    class Meta:
        ref_name = "TestReading"


class LinkedAccountOut(serializers.Serializer[LinkedAccount]):
    """Credentials are write-only: no answer ever holds them."""

    id = serializers.UUIDField()
    provider = serializers.CharField()
    label: Any = serializers.CharField()
    environment = Choice(ApiKey.Environment.choices, enum="Environment")
    status = Choice(LinkedAccount.Status.choices, enum="LinkedAccountStatus")
    identity = serializers.CharField()
    reason = serializers.CharField()
    detail = serializers.CharField()
    next_step = serializers.SerializerMethodField()
    sandbox = serializers.BooleanField(source="is_sandbox")
    reading = ReadingOut(allow_null=True)
    tested_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()

    class Meta:
        ref_name = "LinkedAccount"

    def get_next_step(self, linked: LinkedAccount) -> str:
        fix = fix_for(linked.reason, linked.adapter_class.label)
        return fix.next_step if fix else ""


class LinkedAccountIn(Strict):
    provider = Text(max_length=40, help_text="A `slug` of /providers.")
    label: Any = Text(
        required=False,
        default="",
        allow_blank=True,
        max_length=120,
        validators=[one_line],
    )
    credentials = Values(
        most=20,
        child=Text(allow_blank=True, max_length=LONGEST_SECRET),
        required=False,
        default=dict,
        help_text="By the names that /providers gives.",
    )

    class Meta:
        ref_name = "NewLinkedAccount"


class LinkedAccountPatch(Strict):
    label: Any = Text(required=False, max_length=120, validators=[one_line])
    credentials = Values(
        most=20,
        child=Text(allow_blank=True, max_length=LONGEST_SECRET),
        required=False,
        help_text="Reconnect: rules, mappings and history stay.",
    )
    status = Choice(
        ["connected", "paused"],
        enum="LinkedAccountSwitch",
        required=False,
        help_text="Pause, or resume after a pause.",
    )

    class Meta:
        ref_name = "LinkedAccountChange"


class LinkedAccountQuery(Strict):
    provider = Text(required=False, max_length=40)
    status = Choice(
        LinkedAccount.Status.choices, enum="LinkedAccountStatus", required=False
    )
    environment = Choice(ApiKey.Environment.choices, enum="Environment", required=False)


def known_credentials(provider: str, given: dict[str, Any]) -> None:
    """Refuse names that the provider does not have. Raises Problem 422."""
    known = {credential.name for credential in ADAPTERS[provider].credentials}
    errors = [
        FieldError(f"credentials.{name}", "unknown", "Unknown field.")
        for name in given
        if name not in known
    ]
    if errors:
        raise Problem(422, "The provider has no such credential.", errors)


class LinkedAccountView(ApiView):
    """Views of linked accounts: an unlinked one is not there any more."""

    queryset = LinkedAccount.objects.all()

    def linked(self, id: UUID) -> LinkedAccount:
        live = LinkedAccount.objects.filter(removed_at=None)
        found: LinkedAccount = self.one(live.select_related("account"), pk=id)
        return found


@extend_schema_view(
    get=extend_schema(
        operation_id="linked_accounts_list",
        summary="List linked accounts",
        parameters=[LinkedAccountQuery],
        responses=LinkedAccountOut(many=True),
    ),
    post=extend_schema(
        operation_id="linked_accounts_create",
        summary="Link an account",
        description="It is not tested yet: call `/test` next. It belongs to the "
        "environment of your key.",
        request=LinkedAccountIn,
        responses={201: LinkedAccountOut},
    ),
)
class LinkedAccountList(LinkedAccountView):
    def get(self, request: Request) -> Response:
        live = LinkedAccount.objects.filter(removed_at=None)
        asked = self.query(LinkedAccountQuery)
        return self.page(self.mine(live).filter(**asked), LinkedAccountOut)

    def post(self, request: Request) -> Response:
        given = self.body(LinkedAccountIn)
        provider = given["provider"]
        try:
            services.checked_credentials(provider, given["credentials"])
            known_credentials(provider, given["credentials"])
            linked = services.linked_account_create(
                account=self.account,
                provider=provider,
                label=given["label"],
                credentials=given["credentials"],
                environment=self.key.environment,
            )
        except services.UnknownProviderError:
            known = ", ".join(ADAPTERS)
            raise Problem.of_field(
                "provider", "unknown", f"Unknown provider. Known: {known}."
            ) from None
        except services.MissingCredentialError as error:
            raise Problem.of_field(
                f"credentials.{error.name}", "required", f"{error.label} is missing."
            ) from None
        self.audit("linked_account.link", str(linked))
        return Response(LinkedAccountOut(linked).data, status=201)


@extend_schema_view(
    get=extend_schema(
        operation_id="linked_accounts_get",
        summary="Read a linked account",
        responses=LinkedAccountOut,
    ),
    patch=extend_schema(
        operation_id="linked_accounts_change",
        summary="Rename, reconnect, pause or resume a linked account",
        request=LinkedAccountPatch,
        responses=LinkedAccountOut,
    ),
    delete=extend_schema(
        operation_id="linked_accounts_unlink",
        summary="Unlink an account",
        description="Its credentials are wiped and its rules stop. Nobody is "
        "unsubscribed anywhere.",
        responses={204: None},
    ),
)
class LinkedAccountDetail(LinkedAccountView):
    def get(self, request: Request, id: UUID) -> Response:
        return Response(LinkedAccountOut(self.linked(id)).data)

    def patch(self, request: Request, id: UUID) -> Response:
        linked = self.linked(id)
        given = self.body(LinkedAccountPatch)
        if "label" in given:
            linked.label = given["label"]
            linked.save(update_fields=["label"])
            self.audit("linked_account.rename", str(linked))
        if "credentials" in given:
            self.reconnect(linked, given["credentials"])
        if "status" in given:
            self.switch(linked, given["status"])
        return Response(LinkedAccountOut(self.linked(id)).data)

    def reconnect(self, linked: LinkedAccount, credentials: dict[str, Any]) -> None:
        try:
            services.linked_account_reconnect(linked=linked, credentials=credentials)
        except services.MissingCredentialError as error:
            raise Problem.of_field(
                f"credentials.{error.name}", "required", f"{error.label} is missing."
            ) from None
        known_credentials(linked.provider, credentials)
        self.audit("linked_account.reconnect", str(linked))

    def switch(self, linked: LinkedAccount, wanted: str) -> None:
        if linked.status == wanted:
            return
        if wanted == LinkedAccount.Status.PAUSED:
            done = services.linked_account_pause(linked)
        else:
            done = services.linked_account_resume(linked)
        if not done:
            raise Problem(
                409,
                "The provider refuses us, so there is nothing to pause or resume. "
                "Reconnect with new credentials, then call /test.",
                [FieldError("status", "broken", linked.detail or "It is broken.")],
            )
        paused = wanted == LinkedAccount.Status.PAUSED
        self.audit(f"linked_account.{'pause' if paused else 'resume'}", str(linked))

    def delete(self, request: Request, id: UUID) -> Response:
        linked = self.linked(id)
        services.linked_account_unlink(linked)
        self.audit("linked_account.unlink", str(linked))
        return Response(status=204)
