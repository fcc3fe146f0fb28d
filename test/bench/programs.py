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

    def __init__(self, command, processor=0, env=None):
        self.child = subprocess.Popen(pinned(processor, command), stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True, env=env)
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


class client:
    """A program that calls, and what it printed in the end."""

    def __init__(self, command, processor, env=None):
        self.child = subprocess.Popen(pinned(processor, command), stdout=subprocess.PIPE,
                                      text=True, env=env)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()  # has ended, unless something else failed
        self.child.wait()
        self.child.stdout.close()

    def result(self):
        text = self.child.communicate()[0]
        if self.child.returncode != 0:
            raise subprocess.CalledProcessError(self.child.returncode, self.child.args)
        return json.loads(text)


class server:
    """What a contestant serves with: one process, or a chain of which each calls the one before.

    `around` are words in front of the commands, such as those of strace.
    """

    def __init__(self, contestant, one_processor=False, around=(), env=None):
        self.contestant = contestant
        self.client_processor = 0 if one_processor else -1
        self.around, self.env = list(around), env
        self.chain = []

    def __enter__(self):
        port = None
        for i, command in enumerate(self.contestant.servers):
            beside_client = i and self.contestant.front_beside_client
            started = process(self.around + command(port),
                              self.client_processor if beside_client else 0, self.env)
            self.chain.append(started)
            port = started.port
        return self

    def __exit__(self, *_):
        for p in reversed(self.chain):
            p.stop()

    @property
    def port(self):
        return self.chain[-1].port

    @property
    def pid(self):
        return self.chain[-1].child.pid

    def client(self, shape, seconds, around=(), env=None):
        command = list(around) + self.contestant.client(shape.words(self.port, seconds))
        return client(command, self.client_processor, env)

    def load(self, shape, seconds, around=()):
        before = [processor_us(p.child.pid) for p in self.chain]
        with self.client(shape, seconds, around) as c:
            result = c.result()
        # The warm-up, a tenth of the time, made calls as well.
        calls = max(1, result["calls"]) * 1.1
        used = [(processor_us(p.child.pid) - b) / calls for p, b in zip(self.chain, before)]
        result["server_cpu_us_per_call"] = used[0]
        result["front_cpu_us_per_call"] = used[-1]
        return result
