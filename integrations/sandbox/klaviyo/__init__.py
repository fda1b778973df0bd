"""Klaviyo, simulated: JSON:API, revision header, profiles, lists and jobs."""
