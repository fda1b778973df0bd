"""A load generator: N keep-alive connections, each as fast as it is answered."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
import time

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def run(port: int, requests: list[bytes], connections: int) -> list[float]:
    """Send the ready-made requests; returns each one's seconds."""
    times: list[float] = []
    share = [requests[n::connections] for n in range(connections)]
    errors: list[str] = []

    def worker(mine: list[bytes]) -> None:
        link = socket.create_connection(("127.0.0.1", port))
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        own = []
        for request in mine:
            started = time.perf_counter()
            link.sendall(request)
            answer = b""
            while b"\r\n\r\n" not in answer:
                part = link.recv(65536)
                if not part:
                    raise ConnectionError("closed")
                answer += part
            head, _, rest = answer.partition(b"\r\n\r\n")
            found = LENGTH.search(head)
            if found is None:
                raise ConnectionError(f"no Content-Length in {answer[:300]!r}")
            length = int(found[1])
            while len(rest) < length:
                rest += link.recv(65536)
            own.append(time.perf_counter() - started)
            if b" 202 " not in head[:20]:
                errors.append(head.decode() + rest.decode())
                return
        times.extend(own)
        link.close()

    def guarded(mine: list[bytes]) -> None:
        try:
            worker(mine)
        except OSError as error:
            errors.append(repr(error))

    threads = [threading.Thread(target=guarded, args=(part,)) for part in share]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise RuntimeError(errors[0])
    return times


if __name__ == "__main__":
    spec = json.load(sys.stdin)
    ready = [text.encode() for text in spec["requests"]]
    began = time.perf_counter()
    taken = run(spec["port"], ready, spec["connections"])
    json.dump({"times": taken, "wall": time.perf_counter() - began}, sys.stdout)
