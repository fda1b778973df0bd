"""A simulated iContact account with two client folders."""

from __future__ import annotations
