"""REST: whether the books balance."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from activity.ledger import BY, ledger
from contactsync.api.problems import Problem
from contactsync.api.serializers import Choice, Id, Strict
from contactsync.api.views import ApiView
from displays.models import Display, SyncRule


class LedgerDetailsOut(serializers.Serializer[Any]):
    signups = serializers.IntegerField(help_text="Without a verdict that fits.")
    missing = serializers.IntegerField(
        help_text="Accepted signups that a live rule got no delivery for."
    )
    unknown_state = serializers.IntegerField()
    lease_over = serializers.IntegerField()
    overdue = serializers.IntegerField()

    class Meta:
        ref_name = "LedgerDetails"


class TallyOut(serializers.Serializer[Any]):
    captured = serializers.IntegerField()
    accepted = serializers.IntegerField()
    filtered = serializers.DictField(
        child=serializers.IntegerField(), help_text="By category, also at 0."
    )
    owed = serializers.IntegerField(
        help_text="Accepted signups x the rules that were live at their time."
    )
    deliveries = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="By state, also at 0, with what retention deleted. In all: owed - "
        "missing + beyond + lists.",
    )
    beyond = serializers.IntegerField(
        help_text="For signups that the rule did not owe: sent later by a person, or "
        "taken back."
    )
    lists = serializers.IntegerField(help_text="That no signup led to.")
    pruned = serializers.IntegerField(help_text="Of the deliveries: deleted by policy.")
    details = LedgerDetailsOut(help_text="What `unexplained` is the sum of.")
    unexplained = serializers.IntegerField(help_text="Always 0, unless we are broken.")


class LedgerLineOut(TallyOut):
    key = serializers.CharField(help_text="A day, or the id of a display or rule.")
    label: Any = serializers.CharField()

    class Meta:
        ref_name = "LedgerLine"


class LedgerOut(TallyOut):
    by = serializers.CharField(help_text="What there is a line for; may be empty.")
    lines = LedgerLineOut(many=True)

    class Meta:
        ref_name = "Ledger"


class LedgerQuery(Strict):
    display = Id(required=False, help_text="Of one display only.")
    rule = Id(required=False, help_text="Of one sync rule only.")
    by = Choice(BY, enum="LedgerBy", required=False, help_text="A line for each.")

    def get_fields(self) -> dict[str, Any]:
        """``from`` is a word of Python, so it cannot be an attribute."""
        day = "A day, YYYY-MM-DD, UTC; counted itself."
        return {
            **super().get_fields(),
            "from": serializers.DateField(required=False, help_text=day),
            "to": serializers.DateField(required=False, help_text=day),
        }


class Ledger(ApiView):
    pagination_class = None

    @extend_schema(
        operation_id="ledger",
        summary="The books",
        description="captured = accepted + filtered; accepted x live rules = owed; and "
        "every delivery is in exactly one state. Signups count on the day they came, "
        "deliveries on the day of their signup.",
        parameters=[LedgerQuery],
        responses=LedgerOut,
    )
    def get(self, request: Request) -> Response:
        asked = self.query(LedgerQuery)
        since, until = asked.get("from"), asked.get("to")
        if since and until and since > until:
            raise Problem.of_field(
                "from", "order", "from is after to. Give the earlier day as from."
            )
        self._known(asked)
        told = ledger(
            self.account,
            display=asked.get("display"),
            rule=asked.get("rule"),
            since=since,
            until=until,
            by=asked.get("by", ""),
        )
        return Response(told.as_dict())

    def _known(self, asked: dict[str, Any]) -> None:
        """Raises Problem for a display or rule that is not there."""
        if "display" in asked:
            displays = self.mine(Display.objects.all())
            if not displays.filter(pk=asked["display"]).exists():
                raise Problem.of_field(
                    "display", "unknown", "There is no such display in this account."
                )
        if "rule" in asked:
            rules = self.mine(SyncRule.objects.all()).filter(pk=asked["rule"])
            if "display" in asked:
                rules = rules.filter(display_id=asked["display"])
            if not rules.exists():
                raise Problem.of_field(
                    "rule",
                    "unknown",
                    "There is no such sync rule in this account, or not of this "
                    "display. GET /displays/{id}/rules lists them.",
                )
