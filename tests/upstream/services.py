"""Postgres and Redis for LangGraph's suite: private ports, a private folder, gone afterwards.

    with started() as services:
        run_the_suite(env=services.environment())

Another program gets a Postgres of its own from ``python -m tests.upstream.services``, which prints its URI
and stops it when its standard input ends.

Debian's programs are used, installed with apt-get where they are missing and this is root. Neither
server runs as root, both listen on 127.0.0.1 alone, and the kernel ends them should this process be killed.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
DEBIAN_POSTGRES = Path("/usr/lib/postgresql")
START_SECONDS, STOP_SECONDS = 60, 20
# Nothing here outlives the run, so nothing has to survive a crash of the machine.
UNSAFE_BUT_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class ServicesUnavailableError(Exception):
    """Postgres or Redis can't be had on this machine; the message says why."""


class ServerFailedError(Exception):
    """A server that is there doesn't start; the message is what it said."""


@dataclass(frozen=True)
class Services:
    """Where the two servers answer."""

    postgres_port: int
    redis_port: int

    @property
    def postgres_uri(self) -> str:
        """URI of the server, to which the name of a database can be appended."""
        return f"postgres://postgres:postgres@{HOST}:{self.postgres_port}/"

    def environment(self) -> dict[str, str]:
        """Variables by which the pytest plugin and the suite learn where the servers are."""
        return {
            "NO_DOCKER": "false",
            "UPSTREAM_POSTGRES_URI": self.postgres_uri,
            "UPSTREAM_REDIS_PORT": str(self.redis_port),
            "LANGGRAPH_BENCH_POSTGRES_URI": f"{self.postgres_uri}postgres?sslmode=disable",
        }


@contextmanager
def started(*, install: bool = True) -> Iterator[Services]:
    """Start both servers, wait until they answer, and stop them whatever happens in between.

    Args:
        install: Whether missing programs may be installed, which only root can do.

    Raises:
        ServicesUnavailableError: A program is missing.
        ServerFailedError: A server doesn't start.
    """
    _program(
        "initdb", "postgresql", install=install
    )  # what is missing shows before a server starts
    redis = _program("redis-server", "redis-server", install=install)
    with _home() as home, _postgres(home / "postgres", install=install) as postgres_port:
        services = Services(postgres_port=postgres_port, redis_port=_free_port())
        with _redis(redis, home / "redis", services.redis_port):
            yield services


@contextmanager
def _home() -> Iterator[Path]:
    """A folder for the servers' own, and a way out for a process that is told to end."""
    with (
        _exit_on_sigterm(),
        tempfile.TemporaryDirectory(prefix="upstream-services-") as folder,
    ):
        home = Path(folder)
        home.chmod(0o711)  # Lets the servers' users through to their own folders.
        yield home


@contextmanager
def _postgres(folder: Path, *, install: bool) -> Iterator[int]:
    programs = _program("initdb", "postgresql", install=install).resolve().parent
    port = _free_port()
    user = _own_folder(folder, "postgres")
    data = str(folder / "data")
    create = [str(programs / "initdb"), "-D", data, "-U", "postgres", "--auth=trust"]
    create += ["--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]
    done = subprocess.run(
        _as_user(user, create), cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ServerFailedError(f"initdb failed: {done.stderr.strip()}")
    serve = [str(programs / "postgres"), "-D", data, "-h", HOST, "-p", str(port), "-k", ""]
    for setting in ("max_connections=200", *UNSAFE_BUT_FAST):
        serve += ["-c", setting]
    ask = [str(programs / "pg_isready"), "-q", "-h", HOST, "-p", str(port)]

    def answers() -> bool:
        return subprocess.run(ask, check=False).returncode == 0

    with _server(_as_user(user, serve), folder, answers):
        yield port


@contextmanager
def _redis(program: Path, folder: Path, port: int) -> Iterator[None]:
    user = _own_folder(folder, "redis")
    command = [str(program), "--bind", HOST, "--port", str(port), "--dir", str(folder)]
    command += ["--save", "", "--appendonly", "no"]
    command += ["--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru"]

    def answers() -> bool:
        try:
            with socket.create_connection((HOST, port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    with _server(_as_user(user, command), folder, answers):
        yield


@contextmanager
def _server(command: Sequence[str], folder: Path, answers: Callable[[], bool]) -> Iterator[None]:
    log = folder.with_suffix(".log")
    # A session of its own: Ctrl-C reaches this program, which stops the server when it is done.
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=output, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers():
            if process.poll() is not None or time.monotonic() > deadline:
                words = log.read_text(errors="replace")[-2000:]
                raise ServerFailedError(f"{folder.name} doesn't answer; it said: {words}")
            time.sleep(0.05)
        yield
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    # To Postgres SIGINT means: don't wait for clients. Redis treats it as SIGTERM.
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _own_folder(folder: Path, user: str) -> str | None:
    """Make a server's folder, and say which user it belongs to if that isn't ours."""
    folder.mkdir(mode=0o700)
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(user)
    except KeyError:
        raise ServicesUnavailableError(f"there is no user {user} to run a server as") from None
    shutil.chown(folder, user)
    return user


def _as_user(user: str | None, command: Sequence[str]) -> list[str]:
    """A command that runs as that user, or as ours, and not longer than this process."""
    switch = [f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
    return ["setpriv", *switch, "--pdeathsig", "INT", *command]


@contextmanager
def _exit_on_sigterm() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _program(name: str, package: str, *, install: bool) -> Path:
    """A program's path; its Debian package is installed if need be and possible."""
    if not sys.platform.startswith("linux"):
        raise ServicesUnavailableError("Postgres and Redis are started on Linux only")
    if found := _find(name):
        return found
    if not install:
        raise ServicesUnavailableError(f"{name} is missing: Debian's package {package} has it")
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        msg = f"{name} is missing, and only root can install Debian's package {package}"
        raise ServicesUnavailableError(msg)
    print(f"installing Debian's package {package}", file=sys.stderr, flush=True)
    # In "runlevel 1" a package doesn't start its own server.
    environment = os.environ | {"RUNLEVEL": "1", "DEBIAN_FRONTEND": "noninteractive"}
    get = ["apt-get", "install", "--quiet", "--yes", "--no-install-recommends", package]
    for command in (get, ["apt-get", "update"], get):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if found := _find(name):
            return found
    raise ServicesUnavailableError(
        f"{name} is missing after apt-get install {package}: {done.stderr.strip()[-500:]}"
    )


def _find(name: str) -> Path | None:
    def version(folder: Path) -> int:
        return int(folder.name) if folder.name.isdigit() else 0

    homes = sorted(DEBIAN_POSTGRES.glob("*"), key=version, reverse=True)
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), *(f"{h}/bin" for h in homes)])
    found = shutil.which(name, path=places)
    return Path(found) if found else None


def main() -> int:
    """Start Postgres alone; 2 if it can't be had here."""
    try:
        with _home() as home, _postgres(home / "postgres", install=True) as port:
            print(Services(port, 0).postgres_uri, flush=True)
            sys.stdin.read()
    except ServicesUnavailableError as why:
        print(why, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
