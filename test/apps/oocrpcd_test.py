#!/usr/bin/env python3
"""oocrpcd from outside: ready line, signals, exit codes, the text port, what ends with a client.

Each test is a sentence; none waits for a time to pass, all for something to happen.
"""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import suite  # noqa: E402
from oocrpc_base import client, remote_error  # noqa: E402

OOCRPCD = os.environ["OOCRPCD"]
POEMS = pathlib.Path(os.environ["POEMS"])
DOOR = POEMS / "the_open_door.txt"
ANY = "oocrpc://127.0.0.1:0"


class daemon:
    """A running oocrpcd; ready once it exists. Drains at the end and must then have been clean."""

    def __init__(self, *arguments):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([OOCRPCD, *map(str, arguments)], stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True)
        self.ready = self.process.stdout.readline()
        assert "ready" in self.ready, (self.ready, self.log())
        self.urls = re.findall(r"oocrpc[+a-z]*://[^\s,]+", self.ready)
        self.text = [int(p) for p in re.findall(r"text [^\s,]+:(\d+)", self.ready)]

    def log(self):
        self.errors.seek(0)
        return self.errors.read()

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(20)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            print(f"log of oocrpcd:\n{self.log()}")
        if self.process.poll() is None:
            code = self.stop()
            assert kind or code == 0, (code, self.log())
        self.process.stdout.close()
        assert kind or "warning" not in self.log(), self.log()


def poetry(*arguments):
    return daemon("poetry", "--listen", ANY, "--poem", DOOR, *arguments)


def until(true, seconds=20):
    """Polls until true() holds, and returns how long that took."""
    start = time.monotonic()
    while not true():
        assert time.monotonic() - start < seconds, "this did not happen in time"
        time.sleep(0.005)
    return time.monotonic() - start


def refused(code, *arguments):
    """What oocrpcd says on stderr when it ends with `code`: one line."""
    done = subprocess.run([OOCRPCD, *map(str, arguments)], capture_output=True, text=True, timeout=20)
    assert done.returncode == code, (done.returncode, done.stderr)
    assert done.stdout == "", done.stdout
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def read_text(port, request=b""):
    with socket.create_connection(("127.0.0.1", port), 20) as s:
        s.sendall(request)
        return b"".join(iter(lambda: s.recv(4096), b""))


def the_ready_line_names_every_address_and_each_answers():
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/demo.sock"
        with daemon("demo", "--listen", ANY, "--listen", f"oocrpc+unix://{path}", "--listen",
                    "oocrpc://[::1]:0" if socket.has_ipv6 and ipv6() else ANY) as d:
            assert len(d.urls) == 3, d.ready
            for url in d.urls:
                with client(url) as c:
                    assert c.call("demo.add", 2, 3) == 5
                    assert c.call("add", a=2, b=3) == 5
        assert not os.path.exists(path)


def ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


def sigterm_and_sigint_drain_and_exit_0():
    for number in (signal.SIGTERM, signal.SIGINT):
        with daemon("demo", "--listen", ANY) as d, client(d.urls[0]) as c:
            c.send("sleep_ms", 300)
            until(lambda: stats(d.urls[0])["in_flight"] == 2)
            d.process.send_signal(number)
            assert c.receive() == 300  # a call in flight gets its answer
            assert d.process.wait(20) == 0


def a_second_signal_stops_at_once():
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        with daemon("demo", "--listen", ANY) as d, client(d.urls[0]) as c:
            c.send("sleep_ms", 60000)
            until(lambda: stats(d.urls[0])["in_flight"] == 2)
            d.process.send_signal(number)
            until(lambda: "draining" in d.log())
            assert d.stop(number) == code


def the_drain_timeout_ends_what_runs_too_long():
    with daemon("demo", "--listen", ANY, "--drain-timeout", "0.05") as d, client(d.urls[0]) as c:
        c.send("sleep_ms", 60000)
        until(lambda: stats(d.urls[0])["in_flight"] == 2)
        assert d.stop() == 0


def several_threads_share_one_port():
    with daemon("demo", "--listen", ANY, "--threads", "3") as d:
        assert len(d.urls) == 1
        clients = [client(d.urls[0]) for _ in range(30)]
        assert all(c.call("add", i, 1) == i + 1 for i, c in enumerate(clients))
        assert stats(d.urls[0])["connections"] == 31
        for c in clients:
            c.close()
        until(lambda: stats(d.urls[0])["connections"] == 1)
        refused(69, "demo", "--listen", d.urls[0], "--threads", "2")


def ten_thousand_pipelined_calls_are_answered_in_order():
    with daemon("demo", "--listen", ANY) as d, client(d.urls[0]) as c:
        for start in range(0, 10000, 500):
            for i in range(start, start + 500):
                c.send("demo.add", i, 1)
            for i in range(start, start + 500):
                assert c.receive() == i + 1


def an_address_in_use_exits_69():
    with daemon("demo", "--listen", ANY) as d:
        line = refused(69, "demo", "--listen", d.urls[0])
        assert d.urls[0] in line and "in use" in line, line
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        at = "127.0.0.1:%d" % s.getsockname()[1]
        line = refused(69, "poetry", "--listen", ANY, "--poem", DOOR, "--text", at)
        assert at in line and "in use" in line, line


def wrong_options_exit_64():
    assert "'nowhere': not a URL" in refused(64, "demo", "--listen", "nowhere")
    assert "--listen" in refused(64, "demo")
    assert "--threads" in refused(64, "demo", "--listen", ANY, "--threads", "0")
    assert "--drain-timeout" in refused(64, "demo", "--listen", ANY, "--drain-timeout", "soon")
    assert "--surprise" in refused(64, "demo", "--listen", ANY, "--surprise")
    assert "--delay" in refused(64, "poetry", "--listen", ANY, "--poem", DOOR, "--bytes", "1")
    assert "'1': a port is missing" in refused(64, "poetry", "--listen", ANY, "--poem", DOOR,
                                               "--text", "1")
    assert "the_open_door" in refused(64, "poetry", "--listen", ANY, "--poem", DOOR, DOOR)
    refused(64)
    refused(64, "prose")


def help_and_version_are_answers():
    for arguments, word in ((["--version"], "oocrpcd "), (["--help"], "demo"),
                            (["poetry", "--help"], "--poem")):
        done = subprocess.run([OOCRPCD, *arguments], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0 and word in done.stdout and not done.stderr, done


def a_poem_that_cannot_be_read_exits_66():
    with tempfile.TemporaryDirectory() as directory:
        bad = pathlib.Path(directory, "bad.txt")
        bad.write_bytes(b"\xff\xfe")
        for path, why in (("/nowhere/poem.txt", "No such file"), (directory, "directory"),
                          (bad, "not UTF-8")):
            line = refused(66, "poetry", "--listen", ANY, "--poem", path)
            assert str(path) in line and why in line, line


def the_poems_that_come_along_can_be_called():
    files = sorted(POEMS.glob("*.txt"))
    assert len(files) >= 2
    with daemon("poetry", "--listen", ANY, "--poem", *files) as d, client(d.urls[0]) as c:
        assert c.call("poetry.list") == [f.stem for f in files]
        assert c.call("poetry.get_poem") == files[0].read_text("utf-8")
        for f in files:
            assert c.call("poetry.get_poem", f.stem) == f.read_text("utf-8")
        try:
            c.call("poetry.get_poem", "ode")
            assert False
        except remote_error as e:
            assert e.message == "no_such_poem" and "'ode'" in e.detail


def the_text_port_writes_the_poem_and_closes():
    with poetry("--text", "127.0.0.1:0") as d:
        assert read_text(d.text[0]) == DOOR.read_bytes()
        assert read_text(d.text[0], b"GET / HTTP/1.1\r\n\r\n") == DOOR.read_bytes()
        if shutil.which("curl"):
            got = subprocess.run(["curl", "-sS", "--http0.9", f"http://127.0.0.1:{d.text[0]}/"],
                                 capture_output=True, timeout=20)
            assert got.returncode == 0 and got.stdout == DOOR.read_bytes(), got


def a_slow_poem_trickles_and_arrives_whole():
    with poetry("--text", "127.0.0.1:0", "--bytes", "100", "--delay", "0.001") as d:
        assert read_text(d.text[0], b"GET / HTTP/1.1\r\n\r\n") == DOOR.read_bytes()
        with client(d.urls[0]) as c:
            assert c.call("poetry.get_poem") == DOOR.read_text()


def limits_are_what_the_options_say_and_hello_tells_them():
    given = {"max-message": "2MiB", "max-message-before-login": "2KiB", "max-depth": "50",
             "max-elements": "500", "max-in-flight": "7", "max-queued": "8KiB", "max-streams": "9",
             "max-cancels": "11", "frame-rate": "12", "first-frame-timeout": "13s",
             "frame-timeout": "14s", "write-timeout": "15s", "idle-timeout": "16s"}
    with daemon("demo", "--listen", ANY, *[word for name, value in given.items()
                                           for word in ("--" + name, value)]) as d:
        with client(d.urls[0]) as c:
            told = c.call("oocrpc.hello")["limits"]
        assert told == {
            "max_message": 2 << 20, "max_message_before_login": 2 << 10, "max_depth": 50,
            "max_elements": 500, "max_in_flight": 7, "max_queued": 8 << 10, "max_streams": 9,
            "max_cancels": 11, "frame_rate": 12, "first_frame_timeout": 13000,
            "frame_timeout": 14000, "write_timeout": 15000, "idle_timeout": 16000}, told


def the_limits_of_the_options_hold_on_a_text_port():
    slowly = ("--text", "127.0.0.1:0", "--bytes", "1", "--delay", "60")
    with poetry(*slowly, "--max-connections-per-address", "2") as d:
        with contextlib.ExitStack() as opened:
            for _ in range(2):
                s = socket.create_connection(("127.0.0.1", d.text[0]), 20)
                assert opened.enter_context(s).recv(1) == DOOR.read_bytes()[:1]
            assert read_text(d.text[0]) == b""
    with poetry(*slowly, "--max-connections", "1") as d:
        with socket.create_connection(("127.0.0.1", d.text[0]), 20) as first:
            assert first.recv(1) != b""
            second = socket.create_connection(("127.0.0.1", d.text[0]), 20)
        with second:
            assert second.recv(1) != b""
    with open(DOOR, "rb") as poem, tempfile.NamedTemporaryFile() as epic:
        epic.write(poem.read() * (32 << 20 >> 10))  # more than the buffers of any socket
        epic.flush()
        with daemon("poetry", "--listen", ANY, "--poem", epic.name, "--text", "127.0.0.1:0",
                    "--write-timeout", "200ms") as d:
            with socket.create_connection(("127.0.0.1", d.text[0]), 20):
                until(lambda: stats(d.urls[0], "poetry.stats")["cancelled"] == 1)


def hanging_up_ends_the_work():
    with poetry("--text", "127.0.0.1:0", "--bytes", "1", "--delay", "60") as d:
        def in_flight():
            return stats(d.urls[0], "poetry.stats")["in_flight"]

        readers = [socket.create_connection(("127.0.0.1", d.text[0]), 20) for _ in range(50)]
        callers = [client(d.urls[0]) for _ in range(50)]
        for c in callers:
            c.send("poetry.get_poem")
        until(lambda: in_flight() == 100)
        for s in readers:
            s.close()
        until(lambda: in_flight() == 50)
        for c in callers:
            c.close()
        until(lambda: in_flight() == 0)
        assert stats(d.urls[0], "poetry.stats")["cancelled"] == 100


def a_demo_caller_that_hangs_up_ends_its_calls():
    with daemon("demo", "--listen", ANY) as d:
        with client(d.urls[0]) as c:
            for _ in range(10):
                c.send("sleep_ms", 60000)
            c.send("count_slow", 10, 60000)
            until(lambda: stats(d.urls[0])["in_flight"] == 12)
        until(lambda: stats(d.urls[0])["in_flight"] == 1)
        assert stats(d.urls[0])["cancelled"] == 11


def stats(url, method="demo.stats"):
    with client(url) as c:
        return c.call(method)


def main():
    tests = [
        the_ready_line_names_every_address_and_each_answers,
        sigterm_and_sigint_drain_and_exit_0,
        a_second_signal_stops_at_once,
        the_drain_timeout_ends_what_runs_too_long,
        several_threads_share_one_port,
        ten_thousand_pipelined_calls_are_answered_in_order,
        an_address_in_use_exits_69,
        wrong_options_exit_64,
        help_and_version_are_answers,
        a_poem_that_cannot_be_read_exits_66,
        the_poems_that_come_along_can_be_called,
        the_text_port_writes_the_poem_and_closes,
        a_slow_poem_trickles_and_arrives_whole,
        limits_are_what_the_options_say_and_hello_tells_them,
        the_limits_of_the_options_hold_on_a_text_port,
        hanging_up_ends_the_work,
        a_demo_caller_that_hangs_up_ends_its_calls,
    ]
    suite.run(tests)


main()
