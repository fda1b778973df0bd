"""A DNS server on the loopback, with the answers a test gives it."""

from __future__ import annotations

import contextlib
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

SILENT = "silent"


class DnsServer(socketserver.ThreadingUDPServer):
    """``zone`` maps a name to its records (``{"MX": ["10 mx.a.com."]}``), to an error
    code (``SERVFAIL``) or to ``SILENT``; other names do not exist. ``asked`` counts the
    questions by name and type; each answer takes ``delay`` seconds."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.zone: dict[str, Any] = {}
        self.asked: Counter[tuple[str, str]] = Counter()
        self.delay = 0.0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def reply(self, wire: bytes) -> bytes | None:
        question = dns.message.from_wire(wire)
        wanted = question.question[0]
        name = str(wanted.name).rstrip(".")
        kind = dns.rdatatype.to_text(wanted.rdtype)
        self.asked[name, kind] += 1
        time.sleep(self.delay)
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.RA
        records = self.zone.get(name, "NXDOMAIN")
        if records == SILENT:
            return None
        if isinstance(records, str):
            answer.set_rcode(dns.rcode.from_text(records))
        elif kind in records:
            found = dns.rrset.from_text(wanted.name, 60, "IN", kind, *records[kind])
            answer.answer.append(found)
        return answer.to_wire()


class _Handler(socketserver.BaseRequestHandler):
    server: DnsServer

    def handle(self) -> None:
        wire, channel = self.request
        reply = self.server.reply(wire)
        if reply is not None:
            channel.sendto(reply, self.client_address)


@contextlib.contextmanager
def dns_server() -> Iterator[DnsServer]:
    with DnsServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
