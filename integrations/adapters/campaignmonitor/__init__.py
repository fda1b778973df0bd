"""Campaign Monitor, API v3.3 (https://www.campaignmonitor.com/api/subscribers/ and the
official client, https://github.com/campaignmonitor/createsend-python, read 2026-11-22).

An account has clients, a client has lists, and people exist per list, Active,
Unconfirmed, Unsubscribed, Bounced or Deleted. With Resubscribe false, which is all we
ever send, a write refuses everybody who is there and not active, each with a code. A
list of confirmed opt-in asks new ones itself.

* A list without confirmation: the import, up to 1,000, done when it is answered. It
  answers 400 with code 210 when some were refused, each named with a code.
* A list with confirmation: one call each, which is the one documented to ask people.

Times are in the time zone of the client, which they do not name, so they are only used
to ask for changes, with a day to spare.

Unverified: whether a change of somebody's fields alone makes them show up in an
incremental walk (a webhook tells it); the key of a field is told from its name where
only that is given.
"""

from __future__ import annotations

from integrations.adapters.campaignmonitor.adapter import CampaignMonitor

__all__ = ["CampaignMonitor"]
