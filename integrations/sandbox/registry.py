"""The simulated providers: one line each."""

from __future__ import annotations

from integrations.sandbox.base import Simulator
from integrations.sandbox.mailchimp.simulator import Mailchimp

SIMULATORS: dict[str, type[Simulator]] = {Mailchimp.slug: Mailchimp}
