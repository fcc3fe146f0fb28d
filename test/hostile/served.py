"""An oocrpcd to be hostile to: how to start it, what it holds, and how much memory it takes."""
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

from wire import mongo
from oocrpc_base import client, connect, decode

PATIENCE = 30  # seconds until something that does not happen is a failure
KEPT_BY_ASAN = 16  # MiB of freed memory


def until(true, what, seconds=PATIENCE):
    """Polls until true() gives something, and returns that."""
    start = time.monotonic()
    while not (value := true()):
        if time.monotonic() - start > seconds:
            raise AssertionError(f"this did not happen in {seconds} s: {what()}")
        time.sleep(0.01)
    return value


def command(url, body):
    """The answer of a MongoDB command."""
    with connect(url) as s, s.makefile("rb") as answer:
        s.sendall(mongo.command(body, "admin"))
        length = int.from_bytes(answer.read(4), "little")
        return decode(answer.read(length - 4)[17:])


class served:
    """A running oocrpcd; a context manager."""

    def __init__(self, program, *options):
        self.directory = tempfile.TemporaryDirectory()
        self.log = pathlib.Path(self.directory.name, "log")
        self.errors = open(pathlib.Path(self.directory.name, "stderr"), "w+")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("OOCRPC_")}
        environment["ASAN_OPTIONS"] = ":".join(filter(None, (
            environment.get("ASAN_OPTIONS"), f"quarantine_size_mb={KEPT_BY_ASAN}")))
        self.process = subprocess.Popen(
            [program, "--logfile", self.log, "--log-format", "json", "demo", "--listen",
             "oocrpc://127.0.0.1:0", *options],
            stdout=subprocess.PIPE, stderr=self.errors, text=True, env=environment)
        ready = self.process.stdout.readline()
        found = re.search(r"oocrpcs?://127.0.0.1:(\d+)", ready)
        if not found:
            self.process.wait()
            raise AssertionError(f"oocrpcd does not start: {self.said()}")
        self.address = ("127.0.0.1", int(found[1]))
        self.url = f"oocrpc://127.0.0.1:{found[1]}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.errors.close()
        self.directory.cleanup()

    def said(self):
        self.errors.seek(0)
        return self.errors.read()[-6000:]

    def stop(self):
        """SIGTERM; what is left then is a leak, which a sanitizer finds."""
        self.process.send_signal(signal.SIGTERM)
        if code := self.process.wait(PATIENCE):
            raise AssertionError(f"oocrpcd ended with {code}: {self.said()}")

    def require_alive(self):
        if self.process.poll() is not None:
            raise AssertionError(f"oocrpcd ended with {self.process.returncode}: {self.said()}")

    def status(self, name):
        """A line of /proc/PID/status, in bytes."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{name}:\s*(\d+) kB", text)[1]) << 10

    def memory(self):
        return self.status("VmRSS")

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def peak(self):
        return self.status("VmHWM")

    def dumped(self):
        """The numbers of what is suspended, and of tasks, as SIGUSR1 tells them."""
        before = self.log.stat().st_size
        self.process.send_signal(signal.SIGUSR1)

        def end():
            with open(self.log, "rb") as f:
                f.seek(before)
                for line in f:
                    if b'"dump"' in line and b'"end"' in line and line.endswith(b"\n"):
                        return json.loads(line)["fields"]
        fields = until(end, lambda: "a dump")
        return int(fields["calls"]), int(fields["tasks"])

    def holds(self):
        """All that has to be as it was once a peer has left; our own connections are part of it."""
        with client(self.url) as c:
            stats = c.call("demo.stats")
            status = command(self.url, {"serverStatus": 1})
            calls, tasks = self.dumped()
            return {"sockets": len(os.listdir(f"/proc/{self.process.pid}/fd")),
                    "connections": stats["connections"], "in flight": stats["in_flight"],
                    "cursors": status["metrics"]["cursor"]["open"]["total"],
                    "suspended": status["oocrpc"]["suspended"], "calls": calls, "tasks": tasks}


def options_of(program):
    """The names of the options of `oocrpcd demo`."""
    text = subprocess.run([program, "demo", "--help"], capture_output=True, text=True, check=True)
    return set(re.findall(r"^\s+(?:-\w,)?--([a-z-]+)", text.stdout, re.M))


def is_sanitized(program):
    return b"__asan_init" in pathlib.Path(program).read_bytes()
