"""The account's score on pages that are about something else."""

from __future__ import annotations

from django import template
from django.core.cache import cache

from activity.deliverability_figures import score_now
from activity.score import Score
from contactsync.tenancy.models import Account

register = template.Library()

REMEMBER_SECONDS = 300


@register.simple_tag
def deliverability_score(account: Account) -> Score:
    """The account's score, minutes old at most: counting it reads a month of rows."""
    found: Score = cache.get_or_set(
        f"score:{account.pk}", lambda: score_now(account), REMEMBER_SECONDS
    )
    return found
