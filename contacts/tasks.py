"""What workers do about the consent ledger. Any message may be lost or doubled."""

from __future__ import annotations

from celery import shared_task
from django.core.cache import cache

from contacts.consent_seals import seal_due

WHOLE_SECONDS = 3600


@shared_task(name="contacts.seal_consents")
def seal_consents() -> int:
    """Seal what has settled. Hourly: also whoever came late."""
    whole = cache.add("contacts.consents_looked_over", 1, WHOLE_SECONDS)
    return seal_due(everything=whole)
