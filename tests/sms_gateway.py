"""A real HTTP gateway for text messages, that keeps what it is given and counts by key."""

from __future__ import annotations

import json
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from backend.environment import SmsGateway


@dataclass
class Behaviour:
    """What the gateway does: answers a status, slowly, or cuts the line before or after it kept the message."""

    status: int = 202
    headers: dict[str, str] = field(default_factory=dict)
    slow_seconds: float = 0
    cut: Literal["", "before", "after"] = ""


@dataclass
class Received:
    """One request as it came."""

    key: str
    path: str
    authorization: str
    body: dict[str, Any]


class Gateway:
    """One server on a random loopback port; `accepted` holds the requests that it took, `asked` all of them."""

    def __init__(self) -> None:
        self.accepted: list[Received] = []
        self.asked: list[Received] = []
        self.lines = 0
        self.behaviour = Behaviour()
        self._script: list[Behaviour] = []
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                gateway.lines += 1

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                key, authorization = self.headers["Idempotency-Key"], self.headers.get("Authorization", "")
                request = Received(key, self.path, authorization, body)
                gateway.asked.append(request)
                now = gateway._script.pop(0) if gateway._script else gateway.behaviour
                if now.cut == "before":
                    self._cut()
                    return
                time.sleep(now.slow_seconds)
                if 200 <= now.status <= 299:
                    gateway.accepted.append(request)
                if now.cut == "after":
                    self._cut()
                    return
                self.send_response(now.status)
                for name, value in now.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def _cut(self) -> None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def settings(self) -> SmsGateway:
        """What leads to it."""
        return SmsGateway(
            host="127.0.0.1",
            port=self._server.server_address[1],
            path="/messages?compte=1",
            is_secure=False,
            authorization="Bearer jeton",
            body={"recipients": ["{to}"], "message": {"text": "{text}"}, "sender": "Relais"},
        )

    def then(self, *behaviours: Behaviour) -> None:
        """Do these for the next requests, one after the other, before going back to the usual."""
        self._script += behaviours

    def keys(self) -> list[str]:
        """The keys of the messages that were taken, in their order."""
        return [one.key for one in self.accepted]

    def start(self) -> None:
        """Listen."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, and cut what is open."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
