"""The account's score on pages that are about something else."""

from __future__ import annotations

from django import template

from activity.deliverability_figures import score_now
from activity.score import Score
from contactsync.tenancy.models import Account

register = template.Library()


@register.simple_tag
def deliverability_score(account: Account) -> Score:
    """The account's score now."""
    return score_now(account)
