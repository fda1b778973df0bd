"""Copper, Developer API v1 (developer.copper.com, read 2026-11-22).

A person is a record whose address is unique. Copper knows no marketing consent: nothing
in its API says whether somebody may be mailed, so nothing of that kind is written.

Unverified: the words of a refused duplicate (any 422 that speaks of a taken address is
one); that minimum_modified_date includes its second (the walk overlaps by one). More
than 200 people changed in one second are read page by page, the only place where
somebody who changes meanwhile could shift another out of sight until the next change.
"""

from __future__ import annotations

from integrations.adapters.copper.adapter import Copper

__all__ = ["Copper"]
