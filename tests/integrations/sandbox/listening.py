"""A web server of a test that takes webhooks."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

from integrations.adapters.base import Incoming

PATH = "/hooks/7"


class Calls(list[Incoming]):
    """What arrived, to be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = threading.Condition()

    def wait(self, number: int) -> Calls:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self) >= number, timeout=60)
        return self


class listening:
    """A web server that takes webhooks for as long as the block lasts."""

    def __enter__(self) -> tuple[str, Calls]:
        calls = Calls()

        class Taking(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                call = Incoming(
                    method="POST",
                    url=url + self.path.removeprefix(PATH),
                    query=dict(parse_qsl(urlsplit(self.path).query)),
                    headers={k.lower(): v for k, v in self.headers.items()},
                    body=body,
                )
                with calls.arrived:
                    calls.append(call)
                    calls.arrived.notify_all()
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Taking)
        url = f"http://127.0.0.1:{self.server.server_port}{PATH}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return url, calls

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(timeout=5)
