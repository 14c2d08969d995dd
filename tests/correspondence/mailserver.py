"""A real SMTP server for the tests, which can refuse, and hang up in the middle."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

OK = "250 OK"


class Handler:
    """Keeps what it was given, and answers as the test has said. `hang_up` is "before" or "after" it has taken it."""

    def __init__(self) -> None:
        self.taken: list[tuple[list[str], bytes]] = []
        self.to_recipient = OK
        self.to_data = OK
        self.hang_up = ""

    async def handle_RCPT(  # noqa: N802  (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.to_recipient == OK:
            envelope.rcpt_tos.append(address)
        return self.to_recipient

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.to_data == OK and self.hang_up != "before":
            content = envelope.content
            assert isinstance(content, bytes)
            self.taken.append((list(envelope.rcpt_tos), content))
        if self.hang_up:
            assert server.transport is not None
            server.transport.close()
        return self.to_data


def free_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def mail_server(settings: Any) -> Iterator[Handler]:
    """Serve on a free port, and let the portal send there."""
    handler = Handler()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = controller.port
    try:
        yield handler
    finally:
        controller.stop()
