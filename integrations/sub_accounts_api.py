"""REST: which client, folder or site of a provider's account contacts go to."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from contactsync.api.problems import Problem
from contactsync.api.schema import problems
from contactsync.api.serializers import Strict, Text
from integrations import sub_accounts
from integrations.adapters.declare import SubAccount
from integrations.api import (
    LinkedAccountOut,
    LinkedAccountView,
    SubAccountOut,
    choose,
)
from integrations.api_problems import ask
from integrations.models import LinkedAccount


class SubAccountsOut(serializers.Serializer[Any]):
    results = SubAccountOut(many=True)

    class Meta:
        ref_name = "SubAccounts"


class SubAccountIn(Strict):
    id = Text(max_length=200, help_text="An `id` of this list.")

    class Meta:
        ref_name = "ChosenSubAccount"


class SubAccountList(LinkedAccountView):
    # The provider is called here, and no transaction waits for a provider.
    atomic = False
    pagination_class = None

    def choices(self, linked: LinkedAccount) -> list[SubAccount]:
        """Raises Problem."""
        if "sub_accounts" not in linked.adapter_class.supports:
            return []
        return ask(linked, lambda: sub_accounts.choices_of(linked))

    @extend_schema(
        operation_id="linked_accounts_sub_accounts",
        summary="List what a linked account can be narrowed to",
        description="Clients, folders or sites, read from the provider now; none where "
        "its accounts have no parts.",
        responses={200: SubAccountsOut, **problems("409", "502")},
    )
    def get(self, request: Request, id: UUID) -> Response:
        linked = self.linked(id)
        self.query(Strict)
        return Response({"results": [asdict(part) for part in self.choices(linked)]})

    @extend_schema(
        operation_id="linked_accounts_choose_sub_account",
        summary="Choose another part of the provider's account",
        description="What was sent stays where it is. Rules keep their audience: give "
        "each one of the new part, or what they send is held.",
        request=SubAccountIn,
        responses={200: LinkedAccountOut, **problems("409", "502")},
    )
    def post(self, request: Request, id: UUID) -> Response:
        linked = self.linked(id)
        wanted = self.body(SubAccountIn)["id"]
        choices, adapter = self.choices(linked), linked.adapter_class
        if not choices:
            raise Problem(409, f"{adapter.label} accounts have no parts to choose.")
        part = next((part for part in choices if part.id == wanted), None)
        if part is None:
            raise choose(adapter, choices, field="id")
        ask(linked, lambda: sub_accounts.change(linked, part))
        self.audit("linked_account.sub_account", str(linked), after=part.label)
        return Response(LinkedAccountOut(linked).data)
