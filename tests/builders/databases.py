"""Real PostgreSQL and Redis servers for tests, from the machine's own packages.

Each listens on a free loopback port, keeps its files in a folder of its own, and may be stopped,
killed and started again on the same port with what it had made durable.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.builders.processes import free_port

PATIENCE_S = 60
ACCOUNTS = ("postgres", "nobody")
"""Who runs PostgreSQL where the tests run as root, which it refuses."""


def required(program: str, package: str) -> str:
    """Return the path of a program; skip the test, or fail under DUOLU_REQUIRE_SERVERS=1.

    Whoever tries Duolu on a machine without PostgreSQL sees every other test run, and in the
    summary what to install for these. `.ci/run` installs all and sets the variable: nothing is
    skipped there.
    """
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    found = shutil.which(program) or (str(installed[-1]) if installed else None)
    if found is not None:
        return found
    missing = f"{program} is not installed; Debian: apt-get install {package}"
    if os.environ.get("DUOLU_REQUIRE_SERVERS"):
        pytest.fail(missing)
    pytest.skip(missing)


class Server:
    """One server process, with a port and files that outlive it."""

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        log: Path,
        answers: Callable[[int], bool],
        stop_signal: signal.Signals,
        crash_signal: signal.Signals,
        user: str | None = None,
    ) -> None:
        self.port = port
        self._command = [*_ends_with_its_parent(), *command]
        self._log = log
        self._answers = answers
        self._stop_signal = stop_signal
        self._crash_signal = crash_signal
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start unless it runs; return when it answers."""
        if self.is_running:
            return
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **_as(self._user)
            )
        end = time.monotonic() + PATIENCE_S
        while not self._answers(self.port):
            if not self.is_running or time.monotonic() > end:
                raise RuntimeError(f"{self._command} does not answer:\n{self._log.read_text()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Shut down in order."""
        self._end(self._stop_signal)

    def kill(self) -> None:
        """Crash: no farewell, nothing written that was not written already."""
        self._end(self._crash_signal)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self.is_running:
            self._process.send_signal(how)
            self._process.wait(PATIENCE_S)


class PostgreSQL(Server):
    """A cluster that trusts its one account, `duolu`; fsync is on, as in production."""

    def new_database(self) -> str:
        """Create an empty database; return its URL."""
        name = f"test_{time.monotonic_ns()}"
        self.execute(f"CREATE DATABASE {name}")
        return f"postgresql://duolu@127.0.0.1:{self.port}/{name}"

    def execute(self, statement: str, database: str = "postgres") -> str:
        """Run SQL; return what psql prints, without headings."""
        psql = required("psql", "postgresql")
        url = f"postgresql://duolu@127.0.0.1:{self.port}/{database}"
        done = subprocess.run(
            [psql, url, "--no-psqlrc", "--tuples-only", "--no-align", "--command", statement],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()


class Redis(Server):
    """A server that appends every write to a file."""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def clear(self) -> None:
        """Forget every key."""
        assert _redis(self.port, "FLUSHALL") == "+OK"


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A running cluster, gone afterwards."""
    initdb, program = required("initdb", "postgresql"), required("postgres", "postgresql")
    user = next(a for a in ACCOUNTS if _exists(a)) if os.geteuid() == 0 else None
    with _folder(user) as folder:
        subprocess.run(
            [initdb, "-D", folder / "data", "-U", "duolu", "-A", "trust", "-E", "UTF8",
             "--locale=C", "--no-sync"],
            check=True, stdout=subprocess.DEVNULL, **_as(user),
        )  # fmt: skip
        port = free_port()
        command = [program, "-D", str(folder / "data"), "-p", str(port), "-h", "127.0.0.1",
                   "-k", "", "-c", "shared_buffers=16MB",
                   "-c", "recovery_init_sync_method=syncfs"]  # fmt: skip
        server = PostgreSQL(
            command, port, folder / "log", _accepts_sql, signal.SIGINT, signal.SIGQUIT, user
        )
        yield from _while_running(server)


@contextmanager
def redis() -> Iterator[Redis]:
    """A running server, gone afterwards."""
    program = required("redis-server", "redis-server")
    with _folder(None) as folder:
        port = free_port()
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder),
                   "--appendonly", "yes", "--save", ""]  # fmt: skip
        yield from _while_running(
            Redis(command, port, folder / "log", _pongs, signal.SIGTERM, signal.SIGKILL)
        )


def _while_running(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.kill()


def _ends_with_its_parent() -> Sequence[str]:
    """A test run that is killed leaves no server behind, where util-linux can see to it."""
    return ("setpriv", "--pdeathsig", "INT", "--") if shutil.which("setpriv") else ()


def _exists(account: str) -> bool:
    try:
        pwd.getpwnam(account)
    except KeyError:
        return False
    return True


def _as(user: str | None) -> dict[str, object]:
    """Arguments to run a child as somebody else, from a folder that they may enter."""
    if user is None:
        return {}
    account = pwd.getpwnam(user)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [], "cwd": "/"}


@contextmanager
def _folder(user: str | None) -> Iterator[Path]:
    """A folder of that user. pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="duolu-"))
    if user is not None:
        account = pwd.getpwnam(user)
        os.chown(folder, account.pw_uid, account.pw_gid)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _accepts_sql(port: int) -> bool:
    program = required("pg_isready", "postgresql")
    done = subprocess.run([program, "-q", "-h", "127.0.0.1", "-p", str(port)], check=False)
    return done.returncode == 0


def _pongs(port: int) -> bool:
    try:
        return _redis(port, "PING") == "+PONG"
    except OSError:
        return False


def _redis(port: int, command: str) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"{command}\r\n".encode())
        return connection.makefile().readline().strip()
