"""Constant Contact V3, simulated: contacts, lists, tags and activities."""
