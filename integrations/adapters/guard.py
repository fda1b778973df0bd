"""Keep calls to user-supplied hosts on the public internet.

The check sits where the socket is opened: the name is resolved once, every address is
judged, and the very address judged is the one connected to, so a name that changes its
answer in between gains nothing. Host header, SNI and certificate keep the name.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError
from urllib3.exceptions import NewConnectionError as CannotConnect

from integrations.adapters.errors import SetupError

# Networks whose addresses carry an IPv4 address: RFC 6052 and RFC 8215 (NAT64),
# RFC 4291 2.5.5.1 (IPv4-compatible). 6to4 and Teredo are refused as non-global below.
NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
IPV4_COMPATIBLE = IPv6Network("::/96")
# Deprecated site-local (RFC 3879), 6to4 (RFC 3056), Teredo (RFC 4380), SRv6 (RFC 9602).
REFUSED6 = tuple(
    IPv6Network(net) for net in ("fec0::/10", "2002::/16", "2001::/32", "5f00::/16")
)


def is_public(text: str) -> bool:
    """Whether an address is an ordinary public unicast one.

    Loopback, private, shared (100.64/10), link-local and metadata (169.254/16),
    multicast, reserved and unspecified addresses are not; nor is an IPv6 form that
    carries an IPv4 address, whatever that address is.
    """
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        return _is_public6(address)
    return _is_public4(address)


def _is_public4(address: IPv4Address) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        # 6to4 relay anycast and IETF protocol assignments (RFC 7526, RFC 6890).
        and not str(address).startswith(("192.88.99.", "192.0.0."))
    )


def _is_public6(address: IPv6Address) -> bool:
    if address.ipv4_mapped is not None or address in IPV4_COMPATIBLE:
        return False
    if any(address in net for net in (*NAT64, *REFUSED6)):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def resolve(host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
    """Address family and socket address of `host`, in the system's order.

    Raises SetupError when any address is not public: a name that mixes public and
    inside addresses is an attack or a mistake. Raises OSError when there is no answer.
    """
    found: list[tuple[int, tuple[str, int]]] = []
    for family, _, _, _, sockaddr in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        address = str(sockaddr[0])
        if not is_public(address):
            raise SetupError(
                f"{host} is not a public internet address, so nothing is sent to it."
            )
        found.append((int(family), (address, port)))
    return found


def open_socket(conn: HTTPConnection) -> socket.socket:
    """A socket to the first address of the connection's host that can be reached."""
    timeout = conn.timeout if isinstance(conn.timeout, (int, float)) else None
    try:
        addresses = resolve(conn.host, int(conn.port or 443))
    except (socket.gaierror, UnicodeError) as error:
        failure = (
            error
            if isinstance(error, socket.gaierror)
            else socket.gaierror(socket.EAI_NONAME, "name cannot be encoded")
        )
        raise NameResolutionError(conn.host, conn, failure) from error
    last: OSError | None = None
    for family, sockaddr in addresses:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(sockaddr)
        except OSError as error:
            sock.close()
            last = error
        else:
            return sock
    if isinstance(last, TimeoutError):
        raise ConnectTimeoutError(conn, "timed out") from last
    raise CannotConnect(conn, "no address could be reached") from last


class GuardedHTTPConnection(HTTPConnection):
    """A connection that only ever opens to a public address."""

    def _new_conn(self) -> socket.socket:
        return open_socket(self)


class GuardedHTTPSConnection(HTTPSConnection):
    """The same, with TLS for the name."""

    def _new_conn(self) -> socket.socket:
        return open_socket(self)


class GuardedHTTPPool(HTTPConnectionPool):
    ConnectionCls = GuardedHTTPConnection


class GuardedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = GuardedHTTPSConnection


class GuardedTransport(HTTPAdapter):
    """A requests transport whose every connection passes the guard."""

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **kwargs: object
    ) -> None:
        super().init_poolmanager(connections, maxsize, block, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": GuardedHTTPPool,
            "https": GuardedHTTPSPool,
        }
