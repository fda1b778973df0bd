"""REST: a display's own filter policy, and accepting a rejected signup."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from contactsync.api.problems import Problem
from contactsync.api.serializers import Choice, Flag, Strict, Text
from contactsync.api.views import ApiView
from displays import appeals
from displays.models import Display, Signup
from displays.signups_api import SignupOut
from hygiene.entries import MAX_REASON, FullError, Scope
from hygiene.entries_api import full
from hygiene.forms import ONE_LINE
from hygiene.policies import choices_for
from hygiene.policy_api import PolicyOut, author_of, mode, policy_json, settings_in
from hygiene.services import CATEGORIES, policy_save, settings_of

SCOPES = [Scope.ADDRESS.value, Scope.DOMAIN.value]


class OwnModes(Strict):
    bot = mode(required=False, allow_null=True)
    role = mode(required=False, allow_null=True)
    broadcast = mode(required=False, allow_null=True)
    transactional = mode(required=False, allow_null=True)
    disposable = mode(required=False, allow_null=True)

    class Meta:
        ref_name = "DisplayHygieneModes"


class OwnPolicyIn(Strict):
    """null, and what is not named, is as the account."""

    categories = OwnModes(required=False)
    wide_disposable = mode(required=False, allow_null=True)
    strict_masks = Flag(required=False, allow_null=True)
    check_mail_hosts = Flag(required=False, allow_null=True)

    class Meta:
        ref_name = "NewDisplayHygienePolicy"


class OwnPolicyOut(serializers.Serializer[Any]):
    own = OwnPolicyIn(help_text="What the display chose itself; null: as the account.")
    effective = PolicyOut(help_text="What is done with its signups.")

    class Meta:
        ref_name = "DisplayHygienePolicy"


@extend_schema_view(
    get=extend_schema(
        operation_id="displays_hygiene_policy_get",
        summary="Read a display's filter policy",
        responses=OwnPolicyOut,
    ),
    put=extend_schema(
        operation_id="displays_hygiene_policy_replace",
        summary="Replace a display's filter policy",
        description="What is null or not named is as the account. In force within 5 "
        "seconds.",
        request=OwnPolicyIn,
        responses=OwnPolicyOut,
    ),
)
class DisplayHygienePolicy(ApiView):
    queryset = Display.objects.all()
    pagination_class = None

    def get(self, request: Request, id: UUID) -> Response:
        display = self.one(Display.objects.all(), pk=id)
        self.query(Strict)
        return Response(self.told(display))

    def put(self, request: Request, id: UUID) -> Response:
        display = self.one(Display.objects.all(), pk=id)
        policy_save(
            account=self.account,
            settings=settings_in(self.body(OwnPolicyIn)),
            by=author_of(self),
            display_id=display.pk,
            subject=display.name,
        )
        return Response(self.told(display))

    def told(self, display: Display) -> dict[str, Any]:
        own = settings_of(self.account, display.pk)
        return {
            "own": {
                "categories": {name: own.modes.get(name) for name in CATEGORIES},
                "wide_disposable": own.wide_disposable or None,
                "strict_masks": own.strict_masks,
                "check_mail_hosts": own.check_mail_hosts,
            },
            "effective": policy_json(choices_for(self.key.account_id, display.pk)),
        }


class AcceptIn(Strict):
    scope = Choice(
        SCOPES,
        enum="AppealScope",
        required=False,
        default="address",
        help_text="`domain`: everybody there, and the signups that were rejected "
        f"there in the last {appeals.APPEAL_DAYS} days, {appeals.MOST} at a time.",
    )
    reason = Text(max_length=MAX_REASON, validators=[ONE_LINE])

    class Meta:
        ref_name = "SignupAppeal"


class AcceptedOut(serializers.Serializer[Any]):
    signup = SignupOut()
    accepted = serializers.IntegerField(help_text="Signups that are accepted by this.")
    kept = serializers.IntegerField(
        help_text="Signups of the domain that stay rejected for another reason."
    )
    left = serializers.IntegerField(
        help_text="Signups of the domain that were not looked at yet: accept one."
    )

    class Meta:
        ref_name = "SignupAppealResult"


class SignupAccept(ApiView):
    queryset = Signup.objects.all()
    pagination_class = None

    @extend_schema(
        operation_id="signups_accept",
        summary="Accept a rejected signup",
        description="Puts its address or domain on your always-accept list and sends "
        "the signup on, as if it had been accepted when it came. 409 for a malformed "
        "address, for people who unsubscribed or complained, and while the address is "
        "suppressed. Accepting twice changes nothing.",
        request=AcceptIn,
        responses={200: AcceptedOut},
    )
    def post(self, request: Request, id: UUID) -> Response:
        signup = self.one(Signup.objects.all(), pk=id)
        given = self.body(AcceptIn)
        try:
            done = appeals.signup_accept(
                account=self.account, signup=signup, by=author_of(self), **given
            )
        except appeals.DomainShared as error:
            raise Problem.of_field("scope", "shared", str(error)) from None
        except appeals.NotAppealable as error:
            raise Problem(409, str(error), code="signup.not_appealable") from None
        except FullError:
            raise full() from None
        signup.refresh_from_db()
        answer = {
            "signup": signup,
            "accepted": done.accepted,
            "kept": done.kept,
            "left": done.left,
        }
        return Response(AcceptedOut(answer).data)
