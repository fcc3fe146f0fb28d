#!/usr/bin/env python3
"""get-poetry from outside, against servers of ours: get_poetry_test.py GET_POETRY OOCRPCD.

The last line counts the cases.
"""
import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/support"))
from oocrpc_base import client, remote_error  # noqa: E402

GET_POETRY, OOCRPCD = sys.argv[1:3]
POEMS = ROOT / "apps/poetry/poems"
DOOR, HOURS, VOYAGE = (POEMS / f"{n}.txt" for n in ("the_open_door", "small_hours", "夜航"))
ANY = "oocrpc://127.0.0.1:0"
PATIENCE = 60  # seconds; only a test that fails waits so long
NEVER = ("--bytes", "1", "--delay", "600")


class server:
    """A program that serves, from its ready line to SIGTERM."""

    def __init__(self, case, *command):
        self.process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        case.addCleanup(self.stop)
        self.url = re.search(r"ready on ([^\s,]+)", self.process.stdout.readline())[1]

    def call(self, method, *arguments):
        with client(self.url) as c:
            return c.call(method, *arguments)

    def stats(self):
        return self.call("poetry.stats")

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


def poetry(case, poem, *slow, at=ANY):
    return server(case, OOCRPCD, "poetry", "--poem", str(poem), "--listen", at, *slow)


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return "oocrpc://127.0.0.1:%d" % s.getsockname()[1]


def run(*words):
    done = subprocess.run([GET_POETRY, *words], capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, done.stdout, done.stderr


def wait_until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


class on_terminal:
    """The program with a terminal of its own as stdin and stderr, where ^C is typed; stdout is a
    pipe."""

    def __init__(self, case, *words, columns=200):
        self.master, terminal = pty.openpty()
        case.addCleanup(os.close, self.master)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        own = lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # noqa: E731
        self.process = subprocess.Popen([GET_POETRY, *words], stdin=terminal, stderr=terminal,
                                        stdout=subprocess.PIPE, text=True, start_new_session=True,
                                        preexec_fn=own)
        case.addCleanup(self.process.stdout.close)
        case.addCleanup(self.process.wait)
        case.addCleanup(self.process.kill)
        os.close(terminal)
        self.shown = ""

    def read(self, seconds):
        """Reads what is there or comes in time; false at the end."""
        if select.select([self.master], [], [], seconds)[0]:
            try:
                self.shown += os.read(self.master, 65536).decode()
            except OSError:  # nobody has the other end any more
                return False
        return True

    def wait_for(self, text):
        end = time.monotonic() + PATIENCE
        while text not in self.shown:
            assert self.read(0.1) and time.monotonic() < end, (text, self.shown)

    def type(self, keys):
        os.write(self.master, keys)

    def wait(self):
        """The exit code, once everything was read."""
        end = time.monotonic() + PATIENCE
        while self.read(0.1):
            assert time.monotonic() < end, "it does not end"
        return self.process.wait(PATIENCE)

    def screen(self):
        """What the terminal shows at last: lines, without what was cleared."""
        lines = []
        for line in self.shown.replace("\r\n", "\n").split("\n"):
            lines.append(line.split("\r")[-1].replace("\x1b[K", ""))
        return "\n".join(lines)


class get_poetry(unittest.TestCase):
    def check(self, words, code, out, *err):
        """`err` has a regular expression for each line."""
        got_code, got_out, got_err = run(*words)
        self.assertEqual((got_code, got_out), (code, out), got_err)
        lines = got_err.splitlines()
        self.assertEqual(len(lines), len(err), got_err)
        for pattern in err:
            self.assertTrue(any(re.fullmatch(pattern, line) for line in lines), got_err)

    def test_one_poem_is_printed_as_it_is(self):
        self.check([poetry(self, DOOR).url], 0, DOOR.read_text())

    def test_slow_failing_and_absent_servers_and_a_failing_transform(self):
        text = DOOR.read_text()
        slow = poetry(self, DOOR, "--bytes", str(len(text.encode())), "--delay", "0.3")
        bad = poetry(self, HOURS)
        absent = closed_port()
        transform = server(self, OOCRPCD, "transform", "--listen", ANY)
        words = ["--name", "the_open_door", slow.url, bad.url, absent]
        errors = [f"get-poetry: {bad.url}: no_such_poem: 'the_open_door': no such poem",
                  f"get-poetry: {absent}: unavailable: .+"]
        self.check(words, 1, text, *errors)
        self.check(["--transform", transform.url, *words], 1, text.lower(), *errors)
        self.check(["--transform", transform.url, "--method", "transform.translate", *words], 1,
                   text, f"get-poetry: {slow.url}: not transformed: lost_in_translation: .+",
                   *errors)
        self.check(["--transform", absent, slow.url], 0, text,
                   f"get-poetry: {slow.url}: not transformed: unavailable: .+")

    def test_poems_come_in_the_order_in_which_they_are_there(self):
        quick = poetry(self, HOURS)
        slow = poetry(self, DOOR, *NEVER)
        process = subprocess.Popen([GET_POETRY, "--timeout", "none", slow.url, quick.url],
                                   text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        for line in HOURS.read_text().splitlines(keepends=True):
            self.assertEqual(process.stdout.readline(), line)
        self.assertIsNone(process.poll())

    def test_every_kind_of_url(self):
        with tempfile.TemporaryDirectory() as directory:
            unix = poetry(self, HOURS, at=f"oocrpc+unix://{directory}/socket")
            self.check([unix.url], 0, HOURS.read_text())
            unix.stop()
        tcp = poetry(self, VOYAGE)
        self.check([tcp.url], 0, VOYAGE.read_text())
        self.check([tcp.url.replace("oocrpc:", "mongodb:") + "/poetry"], 0, VOYAGE.read_text())

    def test_small_letters_are_those_of_unicode(self):
        transform = server(self, OOCRPCD, "transform", "--listen", ANY)
        capitals = "".join(map(chr, [*range(1, 0x180), *range(0x370, 0x530)]))
        got = transform.call("transform.cummingsify", capitals)
        self.assertEqual(got, "".join("i" if c == "İ" else c.lower() for c in capitals))
        with self.assertRaises(remote_error) as raised:
            transform.call("transform.translate", "Herbst")
        self.assertEqual(raised.exception.message, "lost_in_translation")

    def test_a_timeout_is_a_failure_with_its_reason(self):
        slow = poetry(self, DOOR, *NEVER)
        self.check(["--timeout", "100ms", slow.url], 1, "",
                   f"get-poetry: {slow.url}: deadline_exceeded: call deadline of 100 ms passed")
        wait_until(lambda: slow.stats()["cancelled"] == 1)

    def test_usage_errors_are_one_line_and_64(self):
        for words, part in (([], "URL is required"), (["http://x"], "unknown scheme 'http'"),
                            (["--timeout", "5", "oocrpc://h:1"], "'5' is no duration"),
                            (["--transform", "x", "oocrpc://h:1"], "--transform"),
                            (["--method", "m", "oocrpc://h:1"], "--transform"),
                            (["--nonsense", "oocrpc://h:1"], "--nonsense")):
            with self.subTest(words=words):
                code, out, err = run(*words)
                self.assertEqual((code, out), (64, ""), err)
                self.assertRegex(err, r"\Aget-poetry: [^\n]*; see get-poetry --help\n\Z")
                self.assertIn(part, err)

    def test_help_and_version_are_0(self):
        for word, part in (("--help", "--transform URL"), ("--version", "get-poetry ")):
            code, out, err = run(word)
            self.assertEqual((code, err), (0, ""))
            self.assertIn(part, out)

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_a_full_stdout_is_74(self):
        up = poetry(self, DOOR)
        with open("/dev/full", "w") as full:
            done = subprocess.run([GET_POETRY, up.url], stdout=full, stderr=subprocess.PIPE,
                                  text=True, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr),
                         (74, "get-poetry: stdout cannot be written\n"))

    def test_a_terminal_has_a_progress_line(self):
        slow = poetry(self, DOOR, *NEVER)
        quick = poetry(self, HOURS)
        absent = closed_port()
        program = on_terminal(self, "--timeout", "none", slow.url, quick.url, absent)
        program.wait_for(f"2 of 3 done, 1 failed, waiting for {slow.url}")
        self.assertIn("0 of 3 done, waiting for " + " ".join((slow.url, quick.url, absent)),
                      program.shown)
        slow.process.kill()
        self.assertEqual(program.wait(), 1)
        self.assertEqual(program.process.stdout.read(), HOURS.read_text())
        lines = program.screen().splitlines()
        self.assertEqual(len(lines), 2, lines)  # the two errors, and nothing of the progress line
        self.assertRegex(lines[0], rf"\Aget-poetry: {absent}: unavailable: .+")
        self.assertRegex(lines[1], rf"\Aget-poetry: {slow.url}: unavailable: .+")

    def test_a_narrow_terminal_has_a_short_progress_line(self):
        slow = poetry(self, DOOR, *NEVER)
        program = on_terminal(self, slow.url, columns=20)
        program.wait_for("0 of 1 done, waitin\x1b[K")

    def test_an_interrupt_cancels_every_call_at_its_server(self):
        servers = [poetry(self, DOOR, *NEVER) for _ in range(3)]
        quick = poetry(self, HOURS)
        program = on_terminal(self, "--timeout", "none", quick.url, *[s.url for s in servers])
        for s in servers:
            wait_until(lambda: s.stats()["in_flight"] == 1)
        program.wait_for("1 of 4 done, waiting for " + " ".join(s.url for s in servers))
        program.type(b"\x03")
        self.assertEqual(program.wait(), 130)
        self.assertEqual(program.process.stdout.read(), HOURS.read_text())
        self.assertEqual(program.screen().replace("^C", ""), "get-poetry: interrupted\n")
        for s in servers:
            wait_until(lambda: s.stats()["in_flight"] == 0)
            self.assertEqual(s.stats()["cancelled"], 1)

    def test_a_termination_is_143(self):
        slow = poetry(self, DOOR, *NEVER)
        process = subprocess.Popen([GET_POETRY, slow.url], text=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        wait_until(lambda: slow.stats()["in_flight"] == 1)
        process.terminate()
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, out, err), (143, "", "get-poetry: interrupted\n"))
        wait_until(lambda: slow.stats()["cancelled"] == 1)


if __name__ == "__main__":
    del sys.argv[1:4]
    outcome = unittest.main(exit=False, verbosity=1).result
    failed = len(outcome.failures) + len(outcome.errors)
    print(f"{outcome.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
