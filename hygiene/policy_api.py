"""REST: the account's filter policy."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from contactsync.api.serializers import Choice, Flag, Strict
from contactsync.api.views import ApiView
from contactsync.tenancy.models import ApiKey
from hygiene.models import HygienePolicy
from hygiene.policies import Choices, choices_for
from hygiene.policy import Mode
from hygiene.services import CATEGORIES, Author, PolicySettings, policy_save
from hygiene.verdict import Category

MODES = [mode.value for mode in Mode]


def author_of(view: ApiView) -> Author:
    """The API key as the author of a change."""
    name = ApiKey.objects.filter(pk=view.key.id).values_list("name", "hint").first()
    label = " ".join(("API key", *(name or (str(view.key.id),))))
    return Author(request=view.request._request, label=label[:160])


def mode(**more: Any) -> Choice:
    return Choice(MODES, enum="HygieneMode", **more)


class ModesOut(serializers.Serializer[Any]):
    bot = mode()
    role = mode()
    broadcast = mode()
    transactional = mode()
    disposable = mode()

    class Meta:
        ref_name = "HygieneModes"


class PolicyOut(serializers.Serializer[Any]):
    categories = ModesOut(
        help_text="`on` rejects, `flag` only notes it, `off` does not look."
    )
    wide_disposable = mode(
        help_text="The longer list of disposable domains, where it is loaded."
    )
    strict_masks = serializers.BooleanField(
        help_text="Whether private aliases such as Apple's are rejected as well."
    )
    check_mail_hosts = serializers.BooleanField(
        help_text="Whether sending waits until the domain is known to take mail."
    )

    class Meta:
        ref_name = "HygienePolicy"


class ModesIn(Strict):
    bot = mode(required=False)
    role = mode(required=False)
    broadcast = mode(required=False)
    transactional = mode(required=False)
    disposable = mode(required=False)

    class Meta:
        ref_name = "NewHygieneModes"


class PolicyIn(Strict):
    categories = ModesIn(required=False)
    wide_disposable = mode(required=False)
    strict_masks = Flag(required=False)
    check_mail_hosts = Flag(required=False)

    class Meta:
        ref_name = "NewHygienePolicy"


def policy_json(choices: Choices) -> dict[str, Any]:
    """What is done, everything inherited filled in."""
    policy = choices.policy
    return {
        "categories": {name: str(policy.mode(Category(name))) for name in CATEGORIES},
        "wide_disposable": str(policy.wide_disposable),
        "strict_masks": policy.strict_masks,
        "check_mail_hosts": choices.check_mail_hosts,
    }


def settings_in(given: dict[str, Any]) -> PolicySettings:
    """A checked body as settings; null and what is not named are left out."""
    modes = given.get("categories") or {}
    return PolicySettings(
        modes={name: value for name, value in modes.items() if value},
        strict_masks=given.get("strict_masks"),
        check_mail_hosts=given.get("check_mail_hosts"),
        wide_disposable=given.get("wide_disposable") or "",
    )


@extend_schema_view(
    get=extend_schema(
        operation_id="hygiene_policy_get",
        summary="Read the account's filter policy",
        responses=PolicyOut,
    ),
    put=extend_schema(
        operation_id="hygiene_policy_replace",
        summary="Replace the account's filter policy",
        description="What is not named gets its default: `on` for the categories, "
        "false for the switches, and for `wide_disposable` what is usual on this "
        "installation. In force within 5 seconds.",
        request=PolicyIn,
        responses=PolicyOut,
    ),
)
class HygienePolicyView(ApiView):
    queryset = HygienePolicy.objects.all()
    pagination_class = None

    def get(self, request: Request) -> Response:
        self.query(Strict)
        return Response(policy_json(choices_for(self.key.account_id)))

    def put(self, request: Request) -> Response:
        settings = settings_in(self.body(PolicyIn))
        policy_save(account=self.account, settings=settings, by=author_of(self))
        return Response(policy_json(choices_for(self.key.account_id)))
