"""REST: the directory of providers, from what their adapters declare."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from contactsync.api.serializers import Choice, Strict
from contactsync.api.views import ApiView
from integrations.adapters import ADAPTERS
from integrations.adapters.base import Adapter


class CredentialOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    label: Any = serializers.CharField()
    help_text: Any = serializers.CharField()
    secret = serializers.BooleanField()
    required: Any = serializers.BooleanField()
    placeholder = serializers.CharField()
    options: Any = serializers.DictField(
        child=serializers.CharField(),
        help_text="The values it can have, and what they mean; empty: any text.",
    )

    class Meta:
        ref_name = "Credential"


class ProviderOut(serializers.Serializer[Any]):
    slug = serializers.CharField(help_text="`provider` of a linked account.")
    label: Any = serializers.CharField()
    kind = Choice(["esp", "crm", "sms", "other"], enum="ProviderKind")
    credentials = CredentialOut(many=True)
    oauth = serializers.BooleanField(
        help_text="People sign in there, in the browser: Account > Integrations."
    )
    requirements = serializers.ListField(child=serializers.CharField())
    notice = serializers.CharField(help_text="What it does that surprises people.")
    sub_account_noun = serializers.CharField(
        help_text="What it calls the parts of an account, if it has any."
    )
    audience_noun = serializers.CharField(help_text="What it calls an audience.")
    field_noun = serializers.CharField(help_text="What it calls a field.")
    opt_in = Choice(
        ["caller", "list", "account", "endpoint", "none"],
        enum="ProviderOptIn",
        help_text="Who decides about double opt-in.",
    )
    batch_size = serializers.IntegerField()
    exit_effect = serializers.CharField()
    docs_url = serializers.CharField()
    supports = serializers.ListField(child=serializers.CharField())

    class Meta:
        ref_name = "Provider"


class ProvidersOut(serializers.Serializer[Any]):
    results = ProviderOut(many=True)

    class Meta:
        ref_name = "Providers"


def provider_json(adapter: type[Adapter]) -> dict[str, Any]:
    names = ["slug", "label", "kind", "audience_noun", "field_noun", "opt_in"]
    names += ["batch_size", "exit_effect", "docs_url", "notice", "sub_account_noun"]
    return {
        **{name: getattr(adapter, name) for name in names},
        "credentials": [asdict(credential) for credential in adapter.credentials],
        "oauth": adapter.oauth is not None,
        "requirements": list(adapter.requirements),
        "supports": sorted(adapter.supports),
    }


class ProviderList(ApiView):
    pagination_class = None

    @extend_schema(
        operation_id="providers_list",
        summary="List providers",
        description="Every provider, and what it takes to link an account there.",
        responses=ProvidersOut,
    )
    def get(self, request: Request) -> Response:
        self.query(Strict)
        return Response(
            {"results": [provider_json(adapter) for adapter in ADAPTERS.values()]}
        )
