"""The programs that are measured: where they are, how they are started, what they used."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

BUILD = pathlib.Path(__file__).resolve().parents[2] / "build" / "bench"
BENCH = BUILD / "test/bench"
OOCRPCD = BUILD / "apps/oocrpcd/oocrpcd"
PROXY = BUILD / "apps/proxy/oocrpc-proxy"


def pinned(which, command):
    """The command, on the first (0) or the last (-1) of the processors that we may use."""
    allowed = sorted(os.sched_getaffinity(0))
    words = [str(word) for word in command]
    if len(allowed) < 2 or not shutil.which("taskset"):
        return words
    return ["taskset", "-c", str(allowed[which]), *words]


def processor_us(pid):
    """Processor time that the process has used, also in threads that have ended."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1e6 / os.sysconf("SC_CLK_TCK")


class process:
    """A program that serves, and the port of its ready line."""

    def __init__(self, command, processor=0):
        self.child = subprocess.Popen(pinned(processor, command), stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True)
        line = self.child.stdout.readline()
        found = re.search(r"(?:port |:)(\d+)\b", line)
        if not found:
            self.child.kill()
            sys.exit(f"bench: {command[0]} did not start: {line!r}")
        self.port = found[1]

    def stop(self):
        self.child.terminate()
        self.child.wait()
        self.child.stdout.close()


class server:
    """What a contestant serves with: one process, or a chain of which each calls the one before."""

    def __init__(self, contestant, one_processor):
        self.contestant = contestant
        self.client_processor = 0 if one_processor else -1
        self.chain = []

    def __enter__(self):
        port = None
        for i, command in enumerate(self.contestant.servers):
            # A proxy shares the client's processor with it.
            started = process(command(port), self.client_processor if i else 0)
            self.chain.append(started)
            port = started.port
        return self

    def __exit__(self, *_):
        for p in reversed(self.chain):
            p.stop()

    def load(self, case, seconds):
        before = [processor_us(p.child.pid) for p in self.chain]
        command = self.contestant.client(self.chain[-1].port, case, seconds)
        done = subprocess.run(pinned(self.client_processor, command), check=True, text=True,
                              stdout=subprocess.PIPE)
        result = json.loads(done.stdout)
        # The warm-up, a tenth of the time, made calls as well.
        calls = max(1, result["calls"]) * 1.1
        used = [(processor_us(p.child.pid) - b) / calls for p, b in zip(self.chain, before)]
        result["server_cpu_us_per_call"] = used[0]
        result["front_cpu_us_per_call"] = used[-1]
        return result
