"""What calls and connections cost: system calls, allocations, memory."""
import contextlib
import dataclasses
import os
import pathlib
import shutil
import statistics
import tempfile
import time

from bars import case
from crowd import crowd
from programs import BENCH, server

COUNTER = BENCH / "libcount_allocations.so"


@contextlib.contextmanager
def temporary(name):
    with tempfile.TemporaryDirectory() as directory:
        yield pathlib.Path(directory) / name


@dataclasses.dataclass
class system_call_case(case):
    """All system calls of one end, by strace, while the other end runs free of it."""
    shape: object
    contestants: list

    columns = (("server/call", "server_system_calls", ".3f"),
               ("client/call", "client_system_calls", ".3f"), ("calls", "calls", ",.0f"))

    def measure(self, rounds, seconds):
        if not shutil.which("strace"):
            return {}
        return {c.name: self.measure_one(c, min(seconds, 1)) for c in self.contestants}

    def measure_one(self, c, seconds):
        # From the start of the program to its end, the warm-up's and what is about as many calls.
        with temporary("server") as log:
            with server(c, around=tracer(log)) as s:
                calls = s.load(self.shape, seconds)["calls"] * 1.1
            of_server = traced(log) / calls
        with temporary("client") as log, server(c) as s:
            calls = s.load(self.shape, seconds, around=tracer(log))["calls"] * 1.1
            of_client = traced(log) / calls
        return {"server_system_calls": of_server, "client_system_calls": of_client,
                "calls": calls}


def tracer(log):
    # -D: the program keeps its place as our child, and gets our signals.
    return ["strace", "-D", "-c", "-f", "-o", log]


def traced(log):
    """The sum that strace writes once the program has ended."""
    for _ in range(100):
        lines = log.read_text().splitlines() if log.exists() else []
        if lines and lines[-1].endswith(" total"):
            return int(lines[-1].split()[3])
        time.sleep(0.05)
    raise RuntimeError("strace wrote no summary")


@dataclasses.dataclass
class allocation_case(case):
    """malloc, operator new and the like, once the connections are warm."""
    shape: object
    contestants: list

    columns = (("server/call", "server_allocations", ".4f"),
               ("client/call", "client_allocations", ".4f"), ("calls", "calls", ",.0f"))

    def measure(self, rounds, seconds):
        if not COUNTER.exists():
            return {}
        return {c.name: self.measure_one(c, max(seconds, 1)) for c in self.contestants}

    def measure_one(self, c, seconds):
        with temporary("server") as of_server, temporary("client") as of_client:
            with server(c, env=counting(of_server)) as s:
                with s.client(self.shape, seconds, env=counting(of_client)) as client:
                    time.sleep(0.4 * seconds)
                    before, begun = [counted(of_server), counted(of_client)], time.monotonic()
                    time.sleep(0.5 * seconds)
                    after, span = [counted(of_server), counted(of_client)], time.monotonic() - begun
                    calls = client.result()["calls_per_s"] * span
        each = [(b - a) / calls for a, b in zip(before, after)]
        return {"server_allocations": each[0], "client_allocations": each[1], "calls": calls}


def counting(file):
    return {**os.environ, "LD_PRELOAD": str(COUNTER), "ALLOCATIONS": str(file)}


def counted(file):
    return int.from_bytes(file.read_bytes()[:8], "little")


@dataclasses.dataclass
class memory_case(case):
    """What the server's resident memory grows by for each connection."""
    number: int
    contestant: object

    columns = (("bytes each", "bytes_per_connection", ",.0f"),)

    def measure(self, rounds, seconds):
        return {name: {"bytes_per_connection": statistics.median(
                    self.measure_once(call) for _ in range(min(rounds, 3)))}
                for name, call in (("after a call", True), ("never called", False))}

    def measure_once(self, call):
        # What is needed once, whatever the number of connections, the first few have.
        with server(self.contestant) as s, crowd(s.port, 16, call=True):
            before = resident(s.pid)
            with crowd(s.port, self.number, call):
                if not call:
                    settle(s.pid)
                return (resident(s.pid) - before) / self.number


def settle(pid):
    """Waits until the server has accepted everybody: until its memory grows no more."""
    last, now = -1, resident(pid)
    while last != now:
        time.sleep(0.2)
        last, now = now, resident(pid)


def resident(pid):
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
