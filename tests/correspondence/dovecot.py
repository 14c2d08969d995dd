"""A private IMAP server (Debian's dovecot) in a temporary folder, as root or as an ordinary user."""

import grp
import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from imap_tools import BaseMailBox, MailBoxUnencrypted

from tests.correspondence.mailserver import free_port

PASSWORD = "dove"
USER = "privacy"
CONFIG = """
base_dir = {run}
state_dir = {run}
log_path = {run}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_internal_user = {owner}
default_internal_group = {group}
default_login_user = {login}
mail_location = maildir:{mail}
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 1
first_valid_gid = 1
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={mail}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


class Dovecot:
    """One server with one mailbox. It can be stopped and started again, as in an outage."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        # What it talks to strangers with runs as nobody's account, and must reach its sockets.
        folder.chmod(0o755)
        self._config = folder / "dovecot.conf"
        self._run = folder / "run"
        self._process: subprocess.Popen[bytes] | None = None
        me = pwd.getpwuid(os.getuid())
        # It serves no mail of root's, and as root wants accounts of its own for what talks to strangers.
        is_root = me.pw_uid == 0
        keeper = pwd.getpwnam("mail") if is_root else me
        group = "dovecot" if is_root else grp.getgrgid(me.pw_gid).gr_name
        self._config.write_text(
            CONFIG.format(
                run=self._run,
                mail=folder / "mail",
                owner="dovecot" if is_root else me.pw_name,
                login="dovenull" if is_root else me.pw_name,
                group=group,
                uid=keeper.pw_uid,
                gid=keeper.pw_gid,
                password=PASSWORD,
                port=self.port,
            )
        )
        (folder / "mail").mkdir()
        os.chown(folder / "mail", keeper.pw_uid, keeper.pw_gid)
        self._run.mkdir()

    @property
    def url(self) -> str:
        return f"imap://{USER}:{PASSWORD}@127.0.0.1:{self.port}/INBOX"

    def start(self) -> None:
        """Start, and wait until it answers."""
        path = f"/usr/sbin:{os.environ['PATH']}"
        command = ["dovecot", "-F", "-c", str(self._config)]
        self._process = subprocess.Popen(
            command, env={**os.environ, "PATH": path}, start_new_session=True
        )
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert self._process.poll() is None, (self._run / "log").read_text()
                time.sleep(0.05)
            else:
                return
        raise AssertionError("dovecot does not answer")

    def stop(self) -> None:
        """End it and all of its connections."""
        if self._process is not None:
            # All at once, so that no session of somebody outlives the server.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(30)
            (self._run / "master.pid").unlink(missing_ok=True)
            self._process = None

    def box(self) -> BaseMailBox:
        """A connection of the test's own."""
        box = MailBoxUnencrypted("127.0.0.1", self.port, timeout=10)
        try:
            return box.login(USER, PASSWORD)
        except Exception:
            box.client.shutdown()
            raise

    def put(self, *messages: bytes, **more: Any) -> None:
        """Let e-mails arrive."""
        with self.box() as box:
            for message in messages:
                box.append(message, "INBOX", **more)

    def names(self, folder: str = "INBOX") -> list[str]:
        """The Message-IDs in a folder."""
        with self.box() as box:
            if not box.folder.exists(folder):
                return []
            box.folder.set(folder)
            found = [str(one.obj["Message-ID"]) for one in box.fetch(mark_seen=False)]
            return sorted(found)


@contextmanager
def running() -> Iterator[Dovecot]:
    """A server in a folder that everybody may pass through, which pytest's own are not."""
    with TemporaryDirectory(prefix="dovecot-") as folder:
        server = Dovecot(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def make_mail(
    number: int, text: str = "Please delete my data.", subject: str = "My data", **headers: str
) -> bytes:
    """An e-mail of Alice's. `headers` are written with low lines for hyphens."""
    message = EmailMessage()
    message["From"] = "Alice Archer <alice@example.com>"
    message["To"] = "privacy@example.com"
    message["Subject"] = subject
    message["Date"] = "Tue, 24 Nov 2026 14:00:00 +0000"
    message["Message-ID"] = f"<{number}@mail.example.com>"
    for name, value in headers.items():
        del message[name.replace("_", "-")]
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return bytes(message)
