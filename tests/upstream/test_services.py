"""The servers for LangGraph's suite answer, don't run as root, and are gone however a run ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from . import services

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
HOLD = """
import signal, time
from tests.upstream import services
signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background of a shell it is ignored
with services.started(install=False) as running:
    print(running.postgres_port, running.redis_port, flush=True)
    time.sleep(100)
"""
# "Is encryption possible?", which Postgres answers with one letter.
SSL_REQUEST = bytes([0, 0, 0, 8, 4, 210, 22, 47])


def ask(port: int, question: bytes) -> bytes:
    with socket.create_connection((services.HOST, port), timeout=5) as connection:
        connection.sendall(question)
        return connection.recv(16)


def is_closed(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((services.HOST, port)) != 0


def owners(port: int) -> set[int]:
    """User ids of the sockets listening on a port of this machine."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return {int(f[7]) for f in fields if f[3] == "0A" and int(f[1].rpartition(":")[2], 16) == port}


@pytest.fixture
def running() -> Iterator[services.Services]:
    try:
        with services.started(install=False) as started:
            yield started
    except services.ServicesUnavailableError as why:
        pytest.skip(f"{why}; nox -s upstream installs it")


def test_servers_answer_and_are_not_root(running: services.Services) -> None:
    assert ask(running.postgres_port, SSL_REQUEST) in (b"N", b"S")
    assert ask(running.redis_port, b"PING\r\n") == b"+PONG\r\n"
    for port in (running.postgres_port, running.redis_port):
        assert owners(port)
        assert 0 not in owners(port)
    assert str(running.postgres_port) in running.environment()["UPSTREAM_POSTGRES_URI"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_servers_end_with_the_program(running: services.Services, number: signal.Signals) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert program.stdout
    with program.stdout:
        ports = [int(word) for word in program.stdout.readline().split()]
        assert len(ports) == 2
        assert not any(is_closed(port) for port in ports)
        program.send_signal(number)
        assert program.wait(60) != 0
    deadline = time.monotonic() + 30
    while not all(is_closed(port) for port in ports):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not any(is_closed(port) for port in (running.postgres_port, running.redis_port))


def test_servers_end_when_the_run_fails(running: services.Services) -> None:
    seen = [running]

    def fail() -> None:
        with services.started(install=False) as others:
            seen.append(others)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert len(seen) == 2
    assert is_closed(seen[-1].postgres_port)
    assert is_closed(seen[-1].redis_port)


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(services, "DEBIAN_POSTGRES", tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    with (
        pytest.raises(services.ServicesUnavailableError, match="initdb is missing"),
        services.started(install=False),
    ):
        os.abort()
