"""The Sinch MessageMedia adapter: declaration, people, signatures."""

from __future__ import annotations

from integrations.adapters.messagemedia.adapter import MessageMedia

__all__ = ["MessageMedia"]
