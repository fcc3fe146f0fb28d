"""What a reload and a restart cost the clients: nothing. handover_test.py OOCRPCD STEADY_LOAD.

Clients of ours call a daemon all the time: over TCP, over a Unix socket and through its proxy.
The daemon is reloaded with all its components replaced, or restarted while this test, as systemd
would, keeps the listening sockets. No call may fail and none may be lost. Each test is a sentence;
none waits for a time to pass, all for something to happen.
"""
import os
import pathlib
import queue
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback

OOCRPCD, LOAD = map(os.path.abspath, sys.argv[1:3])
PLAIN = {k: v for k, v in os.environ.items() if not k.startswith("OOCRPC_")}
CALLS = 20000  # at least, during the reloads or restarts of one test
RELOADS = 100
RESTARTS = 20
PATIENCE = 60  # seconds until something that does not happen is a failure

# Gives itself the sockets as the descriptors from 3 on, then becomes the daemon.
ACTIVATE = """
import fcntl, os, sys
own, command = sys.argv[1].split(","), sys.argv[2:]
own = [fcntl.fcntl(int(s), fcntl.F_DUPFD, 100) for s in own]
for i, s in enumerate(own):
    os.dup2(s, 3 + i)
    os.close(s)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(own)))
os.execv(command[0], command)
"""


class lines:
    """What a program writes, line by line, without its ever having to wait for us."""

    def __init__(self, stream):
        self.all = []
        self.new = queue.Queue()
        self.stream = stream
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        with self.stream:
            for line in self.stream:
                self.all.append(line)
                self.new.put(line)

    def until(self, pattern):
        """The next line that has it."""
        while True:
            try:
                line = self.new.get(timeout=PATIENCE)
            except queue.Empty:
                raise AssertionError(f"no line with '{pattern}' in {self.all[-20:]}") from None
            if found := re.search(pattern, line):
                return found


class daemon:
    """An oocrpcd, whose stderr is its log."""

    def __init__(self, *arguments, sockets=(), **variables):
        command = [OOCRPCD, *map(str, arguments)]
        if sockets:
            numbers = ",".join(str(s.fileno()) for s in sockets)
            command = [sys.executable, "-c", ACTIVATE, numbers, *command]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=dict(PLAIN, **variables), pass_fds=[s.fileno() for s in sockets])
        self.out = lines(self.process.stdout)
        self.log = lines(self.process.stderr)

    def ready(self):
        """The URLs where it serves."""
        return re.findall(r"oocrpc[+a-z]*://[^\s,]+", self.out.until("ready on .*")[0])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE)
        assert code == 0, (code, self.log.all[-20:])
        self.log.thread.join()
        bad = [line for line in self.log.all if " warn" in line or " error" in line]
        assert not bad, bad

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class load:
    """A client that calls `url` all the time, on 4 connections."""

    def __init__(self, url, *how):
        self.url = url
        self.process = subprocess.Popen([LOAD, url, "4", "8", *how], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.out = lines(self.process.stdout)

    def result(self):
        calls, failed = self.out.until(r"(\d+) calls, (\d+) failed").groups()
        if int(failed):
            raise AssertionError((self.url, [x for x in self.out.all if x.startswith("failed")]))
        return int(calls)

    def calls(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.result()

    def finish(self):
        self.process.stdin.close()
        calls = self.result()
        assert self.process.wait(PATIENCE) == 0
        return calls

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class loads:
    """One at each URL, and one that calls the first from another thread than the client's."""

    def __init__(self, urls):
        self.all = [load(url) for url in urls] + [load(urls[0], "apart")]

    def __enter__(self):
        self.reach(0)
        return self

    def reach(self, calls):
        """Waits until each has made so many; so the calls spread over the whole test."""
        for each in self.all:
            while each.calls() <= calls:
                pass

    def finish(self):
        calls = [each.finish() for each in self.all]
        assert sum(calls) >= CALLS, calls
        return calls

    def __exit__(self, *_):
        for each in self.all:
            each.kill()


def configuration(directory, threads, listen, through, number):
    """A demo and a proxy before it; another `number` is another setting of both."""
    return f"""
        [host]
        threads = {threads}
        [[component]]
        plugin = "demo"
        listen = ["{listen}", "oocrpc+unix://{directory}/demo.sock"]
        max-in-flight = {1000 + number}
        [[component]]
        plugin = "proxy"
        listen = "{through}"
        upstream = "oocrpc+unix://{directory}/demo.sock"
        max-in-flight = {1000 + number}
        """


def nothing_fails_while_components_are_replaced(threads):
    anywhere = "oocrpc://127.0.0.1:0"
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory, "app.toml")
        file.write_text(configuration(directory, threads, anywhere, anywhere, 0))
        d = daemon("--config", file)
        try:
            with loads(d.ready()) as clients:
                for i in range(1, RELOADS + 1):
                    file.write_text(configuration(directory, threads, anywhere, anywhere, i))
                    d.process.send_signal(signal.SIGHUP)
                    assert "replaced=demo,proxy" in d.log.until(".*reload.*")[0], d.log.all[-9:]
                    clients.reach(i * CALLS // RELOADS // len(clients.all))
                made = clients.finish()
            d.stop()
        finally:
            d.kill()
        stopped = sum("stopped" in line for line in d.log.all)
        assert stopped >= 2 * (RELOADS + 1), stopped
        print(f"  {RELOADS} reloads, {threads} threads, calls {made}")


class service:
    """What systemd does: keeps the sockets and starts daemons that say when they are ready."""

    def __init__(self, directory, threads):
        self.sockets = [socket.create_server(("127.0.0.1", 0), backlog=128) for _ in range(2)]
        self.sockets.append(socket.socket(socket.AF_UNIX))
        self.sockets[2].bind(f"{directory}/demo.sock")
        self.sockets[2].listen(128)
        ports = [s.getsockname()[1] for s in self.sockets[:2]]
        self.file = pathlib.Path(directory, "app.toml")
        self.file.write_text(configuration(
            directory, threads, *(f"oocrpc://127.0.0.1:{port}" for port in ports), 0))
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(f"{directory}/notify.sock")
        self.notify.settimeout(PATIENCE)
        self.started = []

    def start(self):
        d = daemon("--config", self.file, sockets=self.sockets,
                   NOTIFY_SOCKET=self.notify.getsockname())
        self.started.append(d)
        while b"READY=1" not in self.notify.recv(4096):
            pass
        return d

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for d in self.started:
            d.kill()
        for s in (*self.sockets, self.notify):
            s.close()


def restart(how, threads):
    with tempfile.TemporaryDirectory() as directory, service(directory, threads) as unit:
        d = unit.start()
        with loads(d.ready()) as clients:
            for i in range(1, RESTARTS + 1):
                d = how(unit, d)
                clients.reach(i * CALLS // RESTARTS // len(clients.all))
            made = clients.finish()
        d.stop()
        print(f"  {RESTARTS} restarts, {threads} threads, calls {made}")


def nothing_fails_while_the_next_daemon_takes_over(threads):
    def new_first(unit, old):
        new = unit.start()
        old.stop()
        return new
    restart(new_first, threads)


def nothing_fails_while_calls_wait_for_the_next_daemon(threads):
    def old_first(unit, old):
        old.stop()
        return unit.start()
    restart(old_first, threads)


def main():
    failed = passed = 0
    for test in (nothing_fails_while_components_are_replaced,
                 nothing_fails_while_the_next_daemon_takes_over,
                 nothing_fails_while_calls_wait_for_the_next_daemon):
        for threads in (1, 2):
            try:
                test(threads)
                passed += 1
            except Exception:
                failed += 1
                print(f"FAILED: {test.__name__.replace('_', ' ')}, {threads} threads")
                traceback.print_exc(file=sys.stdout)
            sys.stdout.flush()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
