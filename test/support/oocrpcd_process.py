"""oocrpcd as a process: started in the foreground or as a daemon, its log, its signals, its end.

The suites that use it are called with OOCRPCD POEM FAILING [TEST...], FAILING being the plugin.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

from oocrpc_base import client

OOCRPCD, POEM, FAILING = map(os.path.abspath, sys.argv[1:4])
ANY = "oocrpc://127.0.0.1:0"
PLAIN = {k: v for k, v in os.environ.items() if not k.startswith(("OOCRPC_", "NOTIFY_", "LISTEN_"))}
PR_SET_CHILD_SUBREAPER = 36


class skipped(Exception):
    """This cannot be tested here."""


def until(true, seconds=30):
    """Polls until true() gives something, and returns that."""
    start = time.monotonic()
    while not (value := true()):
        assert time.monotonic() - start < seconds, "this did not happen in time"
        time.sleep(0.005)
    return value


class process:
    """A process that serves, with its log, one JSON object a line."""

    def __init__(self, pid, log, ready):
        self.pid, self.log_path, self.ready = pid, pathlib.Path(log), ready
        self.urls = re.findall(r"oocrpc[+a-z]*://[^\s,]+", ready)
        self.text = [int(p) for p in re.findall(r"text [^\s,]+:(\d+)", ready)]
        self.code = None

    def text_log(self):
        return self.log_path.read_text("utf-8")

    def entries(self, message=None, component=None, after=0):
        found = [json.loads(line) for line in self.text_log().splitlines()[after:]]
        return [e for e in found if (message is None or e["message"] == message) and
                (component is None or e["component"] == component)]

    def seen(self, message, component=None, after=0, count=1):
        """Waits for so many entries, and returns the fields of the last."""
        def enough():
            return len(self.entries(message, component, after)) >= count
        until(enough)
        return self.entries(message, component, after)[-1]["fields"]

    def flood(self, message, bring_about):
        """Brings warnings about until one tells of those that went untold: the first was told at
        once, and since then one a second. Returns the entries."""
        start, times = time.monotonic(), 0

        def another():
            nonlocal times
            bring_about()
            times += 1
            return any("untold" in e["fields"] for e in self.entries(message))
        bring_about()
        first = self.seen(message)
        assert "untold" not in first and len(self.entries(message)) == 1, first
        until(another)
        found = self.entries(message)
        assert len(found) <= time.monotonic() - start + 1, found
        assert {e["level"] for e in found} == {"warn"}, found
        untold = sum(int(e["fields"].get("untold", 0)) for e in found)
        assert 1 <= untold and len(found) + untold <= times + 1, (found, times)
        return found

    def kill(self, number):
        os.kill(self.pid, number)

    def ended(self):
        """Its exit code, once it has one; -N where a signal ended it."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is not None

    def wait(self):
        until(self.ended)
        return self.code

    def stop(self, number=signal.SIGTERM):
        if not self.ended():
            self.kill(number)
        return self.wait()

    def reload(self):
        """SIGHUP; the fields of what the log says of it, and its level."""
        before = len(self.text_log().splitlines())
        self.kill(signal.SIGHUP)
        words = ("reloaded", "reload refused, the old configuration goes on")
        return until(lambda: [e for e in self.entries(after=before) if e["message"] in words])[0]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            code = self.stop()
            assert kind or code == 0, code
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            kind = True
            raise
        finally:
            if kind:
                print(f"log of oocrpcd:\n{self.text_log()}")


class place:
    """A directory of the test's own."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(os.path.realpath(self.directory.name))
        self.log, self.pidfile = self.path / "log", self.path / "pid"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.directory.cleanup()

    def write(self, name, text):
        path = self.path / name
        path.write_text(text)
        return path

    def foreground(self, *arguments, **how):
        """Starts oocrpcd; returns when it is ready."""
        child = self.start(*arguments, **how)
        ready = child.stdout.readline()
        if "ready" not in ready:
            child.wait(20)
            raise AssertionError((ready, child.returncode, (self.path / "errors").read_text()))
        child.stdout.close()  # from now on nobody reads it
        child.returncode = 0  # it is waited for as a process
        return process(child.pid, self.log, ready)

    def start(self, *arguments, command=(), sockets=(), form="json", **variables):
        all_arguments = [*command, OOCRPCD, "--logfile", self.log, "--log-format", form, *arguments]
        with open(self.path / "errors", "w") as errors:
            return subprocess.Popen(list(map(str, all_arguments)), stdout=subprocess.PIPE,
                                    stderr=errors, text=True, cwd=self.path,
                                    pass_fds=[s.fileno() for s in sockets],
                                    env=dict(PLAIN, **variables))

    def background(self, *arguments, log=None, pidfile=None, **variables):
        """Starts oocrpcd --daemon; returns when its parent has."""
        done = run("--daemon", *arguments, directory=self.path, **variables)
        assert done.returncode == 0 and done.stderr == "", done
        assert done.stdout.startswith("oocrpcd: ready on "), done
        pidfile = pathlib.Path(pidfile or self.pidfile)
        return process(int(pidfile.read_text()), log or self.log, done.stdout)

    def daemon(self, *arguments, **variables):
        return self.background("--pidfile", self.pidfile, "--logfile", self.log, "--log-format",
                               "json", *arguments, **variables)


def run(*arguments, directory=None, **variables):
    return subprocess.run([OOCRPCD, *map(str, arguments)], capture_output=True, text=True,
                          timeout=60, cwd=directory, env=dict(PLAIN, **variables))


def refused(code, *arguments, **how):
    """What oocrpcd says on stderr when it ends with `code`: one line."""
    done = run(*arguments, **how)
    assert done.returncode == code, done
    assert done.stdout == "" and done.stderr.count("\n") == 1, done
    return done.stderr.rstrip("\n")


def poetry(*arguments):
    return ("poetry", "--listen", ANY, "--poem", POEM, *arguments)


def demo(*arguments):
    return ("demo", "--listen", ANY, *arguments)


def call(url, *what):
    with client(url) as c:
        return c.call(*what)


def in_flight(url):
    return call(url, "demo.stats")["in_flight"] - 1


@contextlib.contextmanager
def sleeping(url, ms=600000):
    """A call that is being served."""
    with client(url) as c:
        before = in_flight(url)
        c.send("sleep_ms", ms)
        until(lambda: in_flight(url) > before)
        yield c


def status_of(pid):
    return pathlib.Path(f"/proc/{pid}/status").read_text()


def component(name, plugin, listen=ANY, **options):
    """A [[component]] of the file of a tree."""
    lines = ["[[component]]", f'name = "{name}"', f'plugin = "{plugin}"', f'listen = "{listen}"']
    return "\n".join(lines + [f"{key.replace('_', '-')} = {json.dumps(str(value))}"
                              for key, value in options.items()]) + "\n"


def where(d, name):
    """Where a component listens, as the log says."""
    return d.entries("listening", name)[-1]["fields"]["listener"]


def listening(family=socket.AF_INET, at=("127.0.0.1", 0)):
    s = socket.socket(family)
    s.bind(str(at) if family == socket.AF_UNIX else at)
    s.listen(64)
    return s


def port_of(s):
    return s.getsockname()[1]


def main(tests):
    """Runs the tests, or those that the command line names, and exits."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # daemons become our children
    only = set(sys.argv[4:])
    tests = [t for t in tests if not only or t.__name__ in only]
    failed = left_out = 0
    for test in tests:
        name = test.__name__.replace("_", " ")
        try:
            test()
        except skipped as why:
            left_out += 1
            print(f"skipped: {name}: {why}")
        except Exception:
            failed += 1
            print(f"FAILED: {name}")
            traceback.print_exc(file=sys.stdout)
    print(f"{len(tests) - failed - left_out} passed, {failed} failed, {left_out} skipped")
    sys.exit(1 if failed else 0)
