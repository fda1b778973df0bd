"""REST: linked accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from contactsync.api.problems import FieldError, Problem
from contactsync.api.schema import problems
from contactsync.api.serializers import Choice, Strict, Text, Values
from contactsync.api.views import ApiView
from contactsync.tenancy.models import Account, ApiKey
from integrations import services, sub_accounts
from integrations.access import (
    Access,
    CredentialError,
    SignInNeededError,
    checked_credentials,
    kept_of,
)
from integrations.adapters import ADAPTERS
from integrations.adapters.base import Adapter
from integrations.adapters.declare import SubAccount
from integrations.adapters.errors import AdapterError
from integrations.api_problems import provider_said
from integrations.flow_back import policy_save
from integrations.flow_back_page import back_of
from integrations.forms import one_line
from integrations.models import LinkedAccount
from integrations.reasons import fix_for
from integrations.sub_accounts import ChoiceNeededError

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


class SubAccountOut(serializers.Serializer[Any]):
    id = serializers.CharField()
    label: Any = serializers.CharField()

    class Meta:
        ref_name = "SubAccount"


class LinkedAccountOut(serializers.Serializer[LinkedAccount]):
    """Credentials are write-only: no answer ever holds them."""

    id = serializers.UUIDField()
    provider = serializers.CharField()
    label: Any = serializers.CharField()
    environment = Choice(ApiKey.Environment.choices, enum="Environment")
    status = Choice(LinkedAccount.Status.choices, enum="LinkedAccountStatus")
    identity = serializers.CharField()
    sub_account = SubAccountOut(
        allow_null=True, help_text="The client, folder or site that was chosen, if any."
    )
    signed_in = serializers.SerializerMethodField(
        help_text="Linked by signing in at the provider (OAuth 2), not by a key."
    )
    reason = serializers.CharField()
    detail = serializers.CharField()
    next_step = serializers.SerializerMethodField()
    sandbox = serializers.BooleanField(source="is_sandbox")
    reading = ReadingOut(allow_null=True)
    tested_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    leaving = Choice(
        LinkedAccount.Leaving.choices,
        enum="LeavingPolicy",
        help_text="When somebody leaves there: nothing is sent to them anywhere, or "
        "they are left alone at this account only.",
    )
    repair = Choice(
        LinkedAccount.Repair.choices,
        enum="RepairPolicy",
        help_text="When contacts we sent are missing there.",
    )
    webhook = serializers.SerializerMethodField(
        help_text="How the provider tells us: on, failed, soon, unused, paste (by "
        "hand), unreachable or none. Where changes can be asked for, that is done "
        "every 2 hours as well."
    )

    class Meta:
        ref_name = "LinkedAccount"

    def get_webhook(self, linked: LinkedAccount) -> str:
        return back_of(linked).webhook

    def get_signed_in(self, linked: LinkedAccount) -> bool:
        return linked.refreshed_at is not None

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
    sub_account = Text(
        required=False,
        default="",
        allow_blank=True,
        max_length=200,
        help_text="Which client, folder or site, where the credentials reach several; "
        "without it the answer lists them as `choices`.",
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
    leaving = Choice(
        LinkedAccount.Leaving.choices, enum="LeavingPolicy", required=False
    )
    repair = Choice(LinkedAccount.Repair.choices, enum="RepairPolicy", required=False)

    class Meta:
        ref_name = "LinkedAccountChange"


class LinkedAccountQuery(Strict):
    provider = Text(required=False, max_length=40)
    status = Choice(
        LinkedAccount.Status.choices, enum="LinkedAccountStatus", required=False
    )
    environment = Choice(ApiKey.Environment.choices, enum="Environment", required=False)


def access_in(account: Account, provider: str, given: dict[str, Any]) -> Access:
    """The credentials in a body, by the provider's names. Raises Problem 422."""
    try:
        access = Access(secrets=checked_credentials(provider, given))
    except SignInNeededError as error:
        where = reverse("link", args=[account.slug, provider])
        raise Problem(
            422,
            f"{error} has no key to enter: an admin signs in there, in the browser.",
            [FieldError("provider", "sign_in", f"Open {settings.BASE_URL}{where}")],
            code="sign_in",
            more={"link_url": f"{settings.BASE_URL}{where}"},
        ) from None
    except CredentialError as error:
        raise Problem.of_field(
            f"credentials.{error.name}", error.code, str(error)
        ) from None
    known = {credential.name for credential in ADAPTERS[provider].credentials}
    errors = [
        FieldError(f"credentials.{name}", "unknown", "Unknown field.")
        for name in given
        if name not in known
    ]
    if errors:
        raise Problem(422, "The provider has no such credential.", errors)
    return access


def part_in(provider: str, access: Access, wanted: str) -> SubAccount | None:
    """The part of the account that is meant. Raises Problem 422 with the choices."""
    adapter = ADAPTERS[provider]
    if "sub_accounts" not in adapter.supports:
        if wanted:
            raise Problem.of_field(
                "sub_account", "unknown", f"{adapter.label} accounts have no parts."
            )
        return None
    try:
        return sub_accounts.chosen(access.adapter(provider), wanted=wanted)
    except AdapterError as error:
        raise provider_said(error, adapter) from None
    except ChoiceNeededError as needed:
        raise choose(adapter, needed.choices) from None


def choose(
    adapter: type[Adapter], choices: Sequence[SubAccount], field: str = "sub_account"
) -> Problem:
    """A problem that lists what ``field`` can be."""
    noun = sub_accounts.noun_of(adapter)
    return Problem(
        422,
        f"Say which {noun} of {adapter.label} is meant: give the id of one of the "
        f"choices as {field}. Nothing was linked, changed or sent.",
        [FieldError(field, "choose", f"One of the choices: the {noun}'s id.")],
        code="choose",
        more={"choices": [asdict(part) for part in choices]},
    )


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
        "environment of your key. A provider whose accounts have parts (`sub_accounts` "
        "in `supports`) is asked which there are; if there are several and "
        "`sub_account` names none of them, nothing is linked and the 422 lists "
        "`choices`.",
        request=LinkedAccountIn,
        responses={201: LinkedAccountOut, **problems("409", "502")},
    ),
)
class LinkedAccountList(LinkedAccountView):
    # Some providers are asked what the credentials reach, and no transaction waits.
    atomic = False

    def get(self, request: Request) -> Response:
        live = LinkedAccount.objects.filter(removed_at=None)
        asked = self.query(LinkedAccountQuery)
        return self.page(self.mine(live).filter(**asked), LinkedAccountOut)

    def post(self, request: Request) -> Response:
        given = self.body(LinkedAccountIn)
        provider = given["provider"]
        if provider not in ADAPTERS:
            known = ", ".join(ADAPTERS)
            raise Problem.of_field(
                "provider", "unknown", f"Unknown provider. Known: {known}."
            )
        access = access_in(self.account, provider, given["credentials"])
        part = part_in(provider, access, given["sub_account"])
        with transaction.atomic():
            linked = services.linked_account_create(
                account=self.account,
                provider=provider,
                label=given["label"],
                credentials=replace(access, sub_account=part),
                environment=self.key.environment,
            )
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
        if changed := policy_save(
            linked=linked,
            leaving=given.get("leaving", linked.leaving),
            repair=given.get("repair", linked.repair),
        ):
            self.audit("linked_account.flow_back", str(linked), **changed)
        return Response(LinkedAccountOut(self.linked(id)).data)

    def reconnect(self, linked: LinkedAccount, credentials: dict[str, Any]) -> None:
        access = access_in(self.account, linked.provider, credentials)
        services.linked_account_reconnect(
            linked=linked, credentials=replace(access, kept=kept_of(linked))
        )
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
