"""oocrpcd under something like systemd: notifications, the watchdog, inherited sockets.

Each test is a sentence; none waits for a time to pass, all for something to happen.
"""
import pathlib
import signal
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from oocrpc_base import client  # noqa: E402
from oocrpcd_process import (  # noqa: E402
    POEM, call, demo, listening, main, place, port_of, sleeping)

# Starts a program with sockets as systemd does: at 3 and up, for the process it becomes.
INHERIT = """
import fcntl, os, sys
count = int(sys.argv[1])
high = [fcntl.fcntl(int(s), fcntl.F_DUPFD, 100) for s in sys.argv[2:2 + count]]
for i, s in enumerate(high):
    os.dup2(s, 3 + i)
    os.close(s)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(count))
os.execv(sys.argv[2 + count], sys.argv[2 + count:])
"""


class manager:
    """The socket that systemd reads."""

    def __init__(self, directory):
        self.path = str(directory / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(30)

    def receive(self):
        lines = self.socket.recv(65536).decode().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def until(self, name):
        """The next message with that variable; what comes before is skipped."""
        while name not in (got := self.receive()):
            pass
        return got

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def systemd_is_told_of_everything():
    with place() as at, manager(at.path) as systemd:
        with at.foreground(*demo(), NOTIFY_SOCKET=systemd.path) as d:
            assert systemd.receive() == {"READY": "1", "STATUS": f"serving on {d.urls[0]}"}
            assert "NOTIFY_SOCKET" not in d.text_log()
            before = time.monotonic_ns() // 1000
            d.kill(signal.SIGHUP)
            told = systemd.receive()
            after = time.monotonic_ns() // 1000
            assert set(told) == {"RELOADING", "MONOTONIC_USEC"} and told["RELOADING"] == "1", told
            assert before <= int(told["MONOTONIC_USEC"]) <= after, (before, told, after)
            assert systemd.receive() == {"READY": "1", "STATUS": f"serving on {d.urls[0]}"}
            with sleeping(d.urls[0]) as c:
                d.kill(signal.SIGTERM)
                told = systemd.receive()
                assert told == {"STOPPING": "1", "STATUS": "draining 1 calls"}, told
                c.close()
            assert d.wait() == 0


def systemd_is_told_the_number_of_a_daemon():
    with place() as at, manager(at.path) as systemd:
        with at.daemon(*demo(), NOTIFY_SOCKET=systemd.path) as d:
            assert systemd.receive() == {"MAINPID": str(d.pid)}
            assert systemd.receive()["READY"] == "1"


def the_watchdog_gets_signs_of_life_in_time():
    limit = 0.6
    with place() as at, manager(at.path) as systemd:
        with at.foreground(*demo(), NOTIFY_SOCKET=systemd.path,
                           WATCHDOG_USEC=str(int(limit * 1e6))) as d:
            systemd.until("READY")
            last = time.monotonic()
            for _ in range(4):
                systemd.until("WATCHDOG")
                now = time.monotonic()
                assert now - last < limit, now - last
                last = now
            # Also while it drains, which may take longer than the watchdog waits.
            with sleeping(d.urls[0]) as c:
                d.kill(signal.SIGTERM)
                systemd.until("STOPPING")
                for _ in range(2):
                    systemd.until("WATCHDOG")
                c.close()
                assert d.wait() == 0


def the_watchdog_of_another_process_is_not_ours():
    with place() as at, manager(at.path) as systemd:
        with at.foreground(*demo(), NOTIFY_SOCKET=systemd.path, WATCHDOG_USEC="1000",
                           WATCHDOG_PID="1"):
            assert "READY" in systemd.receive()
            systemd.socket.setblocking(False)
            try:
                assert False, systemd.receive()
            except BlockingIOError:
                pass


def inherited(at, sockets, *arguments, **variables):
    command = (sys.executable, "-c", INHERIT, len(sockets), *[s.fileno() for s in sockets])
    return at.foreground(*arguments, command=command, sockets=sockets, **variables)


def every_listener_takes_a_socket_that_was_inherited():
    with place() as at, listening() as tcp, listening() as text, listening() as extra, \
            listening(socket.AF_UNIX, at.path / "socket") as local:
        url, path = f"oocrpc://127.0.0.1:{port_of(tcp)}", f"oocrpc+unix://{at.path}/socket"
        sockets = [tcp, local, text, extra]
        with inherited(at, sockets, "poetry", "--poem", POEM, "--listen", url, "--listen", path,
                       "--text", f"127.0.0.1:{port_of(text)}",
                       LISTEN_FDNAMES="tcp:local:text:extra") as d:
            poem = pathlib.Path(POEM).read_text()
            assert call(url, "poetry.get_poem") == poem and call(path, "poetry.get_poem") == poem
            with socket.create_connection(("127.0.0.1", port_of(text)), 20) as s:
                assert b"".join(iter(lambda: s.recv(4096), b"")).decode() == poem
            warned = d.entries("an inherited socket is not used")
            assert len(warned) == 1 and warned[0]["level"] == "warn", warned
            assert warned[0]["fields"]["socket"] == \
                f"127.0.0.1:{port_of(extra)} (extra): no listener asks for it", warned
        assert (at.path / "socket").exists()  # it is not ours to remove
        # Clients that come while nobody serves wait, and are served by the next.
        with client(url) as c:
            c.send("poetry.list")
            with inherited(at, [tcp], *("poetry", "--poem", POEM, "--listen", url)):
                assert c.receive() == [pathlib.Path(POEM).stem]


def threads_share_a_socket_that_was_inherited():
    with place() as at, listening() as tcp:
        url = f"oocrpc://127.0.0.1:{port_of(tcp)}"
        with inherited(at, [tcp], "--threads", 2, "demo", "--listen", url) as d:
            clients = [client(url) for _ in range(20)]
            assert [c.call("add", i, 1) for i, c in enumerate(clients)] == list(range(1, 21))
            for c in clients:
                c.close()
            assert not d.entries("an inherited socket is not used")


def sockets_of_another_process_are_left_alone():
    with place() as at, listening() as tcp:
        with at.foreground(*demo(), sockets=[tcp], LISTEN_PID="1", LISTEN_FDS="1") as d:
            assert not d.entries("an inherited socket is not used")


main([
    systemd_is_told_of_everything,
    systemd_is_told_the_number_of_a_daemon,
    the_watchdog_gets_signs_of_life_in_time,
    the_watchdog_of_another_process_is_not_ours,
    every_listener_takes_a_socket_that_was_inherited,
    threads_share_a_socket_that_was_inherited,
    sockets_of_another_process_are_left_alone,
])
