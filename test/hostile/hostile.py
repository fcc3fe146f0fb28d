#!/usr/bin/env python3
"""Hostile peers beside a good client: hostile.py OOCRPCD OOCRPC [--seconds N] [--list] [NAME...]

For each behaviour a process full of hostile connections is let loose on `oocrpcd demo`, for its
share of the seconds, while `oocrpc bench` calls it over both framings, 500 times a second each.
test/README.md says what has to hold.
"""
import argparse
import concurrent.futures
import ctypes
import importlib
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import time

from behaviours import ALL, MIB
from crowd import crowd, peer, tally
from oocrpc_base import remote_error
from served import is_sanitized, served, until, visitor, words_of
from wire import mongo, native

RATE = 500  # calls a second of each good client
DEADLINE = 5  # seconds that a good call may take
BY_SANITIZER = 4  # times that, and times the memory: red zones, and what is kept after it was freed
WARM_UP = 0.3
# The machine is not ours alone. A latency is the median of so many measurements, if there is time
# for them; each is made again, a few times, where a hypervisor took our processor away meanwhile.
# It is too long when it is so in all tries.
MEASUREMENTS, LEAST = 5, 0.5  # seconds
AGAIN = 3
TRIES = 3
PR_SET_PDEATHSIG = 1  # of prctl(2)
SLACK = 8 * MIB  # what the allocator keeps of what was freed, and the log
# What a server needs for it to be of that kind: options of oocrpcd, and of oocrpc.
KINDS = {"plain": set(), "short": {"first-frame-timeout"}, "login": {"users", "password-file"},
         "tls": {"tls-certificate", "tls-ca"}}
KINDS["tls-login"] = KINDS["tls"] | KINDS["login"]


for kind in ("slow", "flood", "stream", "wrong", "mongodb", "login", "tls"):
    importlib.import_module(f"{kind}_behaviours")  # which adds its own to ALL


class failure(Exception):
    """What a behaviour has shown."""


def comes_first(pid):
    """A good client has a processor when it needs one, attacked or not, as if on a machine of its
    own: what it measures is the server. Where that is allowed; else the kernel's choices count."""
    try:
        os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        pass


def stolen():
    """How long a hypervisor kept our processors from us, in ticks; 0 where nobody tells."""
    try:
        with open("/proc/stat") as f:
            times = dict(line.split(maxsplit=1) for line in f if line.startswith("cpu"))
        return sum(int(times[f"cpu{n}"].split()[7]) for n in os.sched_getaffinity(0))
    except (OSError, LookupError):
        return 0


class good_clients:
    """One for each framing. What they saw is there when they end."""

    def __init__(self, program, server, seconds, deadline):
        self.programs = []
        for framing in (native, mongo):
            url, options = server.good_client(framing)
            self.programs.append(subprocess.Popen(
                [program, "bench", url, "demo.add", "2", "3", "--rate", str(RATE), "--timeout",
                 f"{deadline}s", "--warmup", str(WARM_UP), "-d", str(seconds), "--json", *options],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
            comes_first(self.programs[-1].pid)

    def finish(self):
        """The worse of both; an error is a failure."""
        reports = []
        for p in self.programs:
            out, err = p.communicate(timeout=60)
            if p.returncode or err or json.loads(out)["errors"]:
                raise failure(f"a good call failed: {out.strip()} {err.strip()}")
            reports.append(json.loads(out))
        return {"p99_us": max(r["p99_us"] for r in reports)}

    def kill(self):
        for p in self.programs:
            p.kill()
            p.wait()


class attack:
    """The hostile process, which runs when nobody else wants to, on those processors."""

    def __init__(self, address, b, processors):
        self.seen = tally()
        for number in range(0 if b.whole else 8):  # what is made once is made with all priority
            next(b.script(b.framing, peer(number, b.reads)))
        self.pid = os.fork()
        if self.pid:
            os.setpgid(self.pid, self.pid)
            return
        try:
            os.setpgid(0, 0)
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # also where we are killed
            os.sched_setaffinity(0, processors)
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            if b.whole:
                b.script(address, self.seen)
            hostile = crowd(address, self.seen, b.addresses)
            hostile.run(b.count, lambda p: b.script(b.framing, p), b.reads)
        except BaseException as e:
            print(f"{b.name}: {e!r}", file=sys.stderr, flush=True)
        finally:
            os._exit(1)

    def begins(self, b):
        def enough():
            seen = self.seen.values()
            return all(seen[name] >= n for name, n in b.must.items())
        until(enough, lambda: f"{b.must} in {self.seen.values()}")

    def stop(self):
        ended, _ = os.waitpid(self.pid, os.WNOHANG)
        if ended:
            raise failure("the hostile process broke")
        os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def newcomer(server):
    """Whoever comes now has to be let in, and answered."""
    try:
        with visitor(server, native) as v:
            if v.call("demo.add", 2, 3) != 5:
                raise failure("a newcomer got a wrong answer")
    except OSError as e:
        raise failure(f"a newcomer was not served: {e!r}") from e


class trial:
    def __init__(self, arguments):
        # For the server, too, which inherits them.
        self.descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.descriptors, self.descriptors))
        self.oocrpcd, self.oocrpc = arguments.oocrpcd, arguments.oocrpc
        self.sanitized = is_sanitized(self.oocrpcd)
        # Where latencies count, hostile peers have a processor of their own, as if they came from
        # another machine: a kernel finishes what a process asks of it, and all the packets that
        # come of that, before anybody else gets that processor.
        self.theirs = os.sched_getaffinity(0)
        if not self.sanitized and len(self.theirs) > 1:
            ours = self.theirs - {max(self.theirs)}
            os.sched_setaffinity(0, ours)
            self.theirs = self.theirs - ours
        self.times = BY_SANITIZER if self.sanitized else 1
        self.deadline, self.slack = DEADLINE * self.times, SLACK * self.times
        self.options = words_of(self.oocrpcd) | words_of(self.oocrpcd, "demo") | words_of(
            self.oocrpc, "bench")
        self.seconds = max(LEAST, arguments.seconds / len(arguments.chosen))
        self.measurements = 1 if self.sanitized else min(MEASUREMENTS, int(self.seconds / LEAST))
        self.servers = {}
        self.last_quiet = None, 0  # the server, and its latency

    def server(self, where):
        if where not in self.servers:
            self.servers[where] = served(self.oocrpcd, where)
            self.measure_once(self.servers[where], LEAST)  # what is made once is made now
        return self.servers[where]

    def measure(self, server, seconds):
        """What good clients see: medians."""
        seen = [self.measure_undisturbed(server, seconds / self.measurements)
                for _ in range(self.measurements)]
        return {name: statistics.median(s[name] for s in seen) for name in seen[0]}

    def measure_undisturbed(self, server, seconds):
        for _ in range(1 + AGAIN):
            before = stolen()
            seen = self.measure_once(server, seconds)
            if self.sanitized or stolen() == before:
                break  # or it counts as it is, after some attempts
        return seen

    def measure_once(self, server, seconds):
        clients = good_clients(self.oocrpc, server, seconds, self.deadline)
        try:
            return clients.finish()
        finally:
            clients.kill()

    def fitting(self, b):
        """As many connections as this process may open."""
        part = min(1, (self.descriptors - 500) / b.count)
        return b._replace(count=int(b.count * part),
                          must={name: int(n * part) or 1 for name, n in b.must.items()})

    def run(self, b):
        b = self.fitting(b)
        if missing := KINDS[b.where] - self.options:
            return f"skipped: no --{', --'.join(sorted(missing))} yet"
        server = self.server(b.where)
        last, quiet = self.last_quiet
        if last is not server:
            quiet = self.quiet(server)
        for i in range(TRIES):
            seen = self.beside(server, b)
            self.last_quiet = server, self.quiet(server)
            quiet = max(quiet, self.last_quiet[1])
            if self.sanitized or b.heavy or seen["p99_us"] <= 2 * quiet:
                break
        else:
            raise failure(f"calls wait too long: {self.told(seen, quiet)}")
        # What an allocator keeps of what was freed serves the next attack; a leak does not.
        if seen["kept"] > self.slack:
            again = self.beside(server, b)
            if again["kept"] > self.slack:
                raise failure(f"memory is kept again: {self.told(seen, quiet)}, then "
                              f"{again['kept'] / MIB:.1f} MiB")
        return self.told(seen, quiet)

    def quiet(self, server):
        if self.sanitized:
            return 0
        return self.measure(server, LEAST * self.measurements)["p99_us"]

    def told(self, seen, quiet):
        counted = ", ".join(f"{n} {seen[n]}" for n in tally.names if seen[n])
        bar = "" if self.sanitized else f" (quiet {quiet:.0f})"
        return (f"p99 {seen['p99_us']:.0f} us{bar}, memory +{seen['grown'] / MIB:.1f} MiB, "
                f"kept {seen['kept'] / MIB:.1f}; {counted}")

    def beside(self, server, b):
        """One attack, with all that has to hold but the latency."""
        before, memory = server.rests(), server.memory()
        server.forget_peak()
        hostile = attack(server.address, b, self.theirs)
        try:
            hostile.begins(b)
            with concurrent.futures.ThreadPoolExecutor() as pool:
                came = pool.submit(newcomer, server)
                seen = self.measure(server, self.seconds)
                came.result()
        finally:
            hostile.stop()
            server.require_alive()
        seen |= hostile.seen.values()
        seen["grown"] = server.peak() - memory
        allowed = b.count * b.memory * self.times + self.slack
        if seen["grown"] > allowed + memory / 10:
            raise failure(f"memory grew by {seen['grown'] / MIB:.1f} MiB, {allowed / MIB:.1f} are "
                          f"allowed: {seen}")
        self.require_as_before(server, before)
        seen["kept"] = self.kept(server, memory)
        return seen

    def kept(self, server, before):
        """What it holds more than before; large buffers go back in turns of its loop."""
        end = time.monotonic() + 1
        while (kept := server.memory() - before) > self.slack and time.monotonic() < end:
            time.sleep(0.02)
        return kept

    def require_as_before(self, server, before):
        now = before

        def same():
            nonlocal now
            try:
                now = server.holds(before)
            except remote_error as e:  # overloaded, by calls that have yet to end
                now = e
            return now == before
        until(same, lambda: f"{before}, and after the attack {now}")

    def give_up(self, where):
        """After a failure the next behaviour finds a new server."""
        if server := self.servers.pop(where, None):
            server.__exit__()

    def stop(self):
        for server in self.servers.values():
            with server:
                server.stop()


def run(t, chosen):
    failed = skipped = 0
    for b in chosen:
        try:
            said = t.run(b)
            skipped += said.startswith("skipped")
        except (failure, remote_error, AssertionError, subprocess.SubprocessError, OSError) as e:
            failed += 1
            said = f"FAILED: {e}"
            t.give_up(b.where)
        print(f"{b.name}: {said}", flush=True)
    t.stop()
    return failed, skipped


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("oocrpcd", type=os.path.abspath)
    parser.add_argument("oocrpc", type=os.path.abspath)
    parser.add_argument("names", nargs="*", help="behaviours, or the beginnings of their names")
    parser.add_argument("--seconds", type=float, default=60, help="in all (default: 60)")
    parser.add_argument("--list", action="store_true", help="name the behaviours, and do nothing")
    a = parser.parse_intermixed_args()
    a.chosen = [b for b in ALL if not a.names or b.name.startswith(tuple(a.names))]
    if a.list:
        print(*(b.name for b in a.chosen), sep="\n")
        return
    failed, skipped = run(trial(a), a.chosen)
    print(f"{len(a.chosen) - failed - skipped} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
