"""Where a request comes from."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_ip(request: HttpRequest) -> str | None:
    """The caller's address; behind TRUSTED_PROXIES proxies, what the last one saw.

    X-Forwarded-For is believed only as far as our own proxies wrote it.
    """
    address: str = request.META.get("REMOTE_ADDR") or ""
    if settings.TRUSTED_PROXIES:
        hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        if len(hops) >= settings.TRUSTED_PROXIES:
            address = hops[-settings.TRUSTED_PROXIES].strip()
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return None


def network_of(ip: str | None) -> str:
    """What a limit counts: the address, and for IPv6 its /64."""
    if not ip or ":" not in ip:
        return ip or "unknown"
    return str(ipaddress.ip_network(f"{ip}/64", strict=False))
