"""The real oocrpcd as an operator meets it: daemon_test.py OOCRPCD POEM FAILING [TEST...].

Background, pid file, log, systemd, privileges, reload, dump, drain. Each test is a sentence; none
waits for a time to pass, all for something to happen. What only root can do is skipped by others.
"""
import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import pwd
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from oocrpc_base import client, remote_error  # noqa: E402

OOCRPCD, POEM, FAILING = map(os.path.abspath, sys.argv[1:4])
ANY = "oocrpc://127.0.0.1:0"
PLAIN = {k: v for k, v in os.environ.items() if not k.startswith(("OOCRPC_", "NOTIFY_", "LISTEN_"))}
PR_SET_CHILD_SUBREAPER = 36
# Where /proc is missing, the sanitizer cannot look for leaks, and says that it has failed.
NO_LEAK_CHECK = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
# What the log's lines begin with.
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} "
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


class skipped(Exception):
    """This cannot be tested here."""


def until(true, seconds=30):
    """Polls until true() gives something, and returns that."""
    start = time.monotonic()
    while not (value := true()):
        assert time.monotonic() - start < seconds, "this did not happen in time"
        time.sleep(0.005)
    return value


def alive(pid):
    return os.path.exists(f"/proc/{pid}")


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


def as_root():
    if os.geteuid() != 0:
        raise skipped("needs root")


# --- in the background ---------------------------------------------------------------------------

def a_daemon_serves_when_its_parent_returns_and_drains_when_told():
    with place() as at:
        with at.background("--pidfile", at.pidfile, "--logfile", at.log, *poetry()) as d:
            url = d.urls[0]
            assert call(url, "poetry.get_poem") == pathlib.Path(POEM).read_text()
            assert d.pid == int(at.pidfile.read_text())
            assert at.pidfile.read_text() == f"{d.pid}\n"
            with open(at.pidfile) as f:
                try:
                    fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    assert False, "the pid file is not locked"
                except BlockingIOError:
                    pass
            assert os.getsid(d.pid) not in (os.getsid(0), d.pid), "a session without a leader"
            for number in (0, 1, 2):
                assert os.readlink(f"/proc/{d.pid}/fd/{number}") == "/dev/null"
            assert d.stop() == 0
            assert not at.pidfile.exists()
            expected = [
                rf"info poetry\.server: listening listener={url}",
                r"info poetry\.server: started",
                r"info poetry: started",
                rf"info host: ready addresses={url} pid={d.pid}",
                r"info host: draining signal=SIGTERM in_flight=0",
                r"info poetry\.server: stopped",
                r"info poetry: stopped",
                r"info host: drained finished=1 failed=0 cancelled=0"]
            lines = d.text_log().splitlines()
            assert len(lines) == len(expected), lines
            for line, pattern in zip(lines, expected):
                assert re.fullmatch(TIME + pattern, line), (line, pattern)
            assert at.log.stat().st_mode & 0o777 == 0o640, oct(at.log.stat().st_mode)


def a_live_pid_file_is_refused_and_a_stale_one_replaced():
    with place() as at:
        at.pidfile.write_text("1\n" + "x" * 100)  # nobody holds it, whatever it says
        with at.daemon(*demo()) as d:
            assert at.pidfile.read_text() == f"{d.pid}\n"
            for how in ("--daemon", "--nodaemon"):
                line = refused(69, how, "--pidfile", at.pidfile, "--logfile", at.path / "other",
                               *demo())
                assert line == f"oocrpcd: already running: process {d.pid} holds the pid file " \
                               f"'{at.pidfile}'", line
            assert at.pidfile.read_text() == f"{d.pid}\n"
            assert call(d.urls[0], "add", 1, 2) == 3
            d.kill(signal.SIGKILL)
            d.wait()
            d.code = 0
        assert at.pidfile.exists()
        with at.daemon(*demo()) as d:
            assert at.pidfile.read_text() == f"{d.pid}\n"
        assert not at.pidfile.exists()


def a_daemon_that_cannot_start_ends_as_its_parent_says():
    with place() as at, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        url = "oocrpc://127.0.0.1:%d" % taken.getsockname()[1]
        how = ("--daemon", "--pidfile", at.pidfile, "--logfile", at.log, "--log-format", "json")
        line = refused(69, *how, "demo", "--listen", url)
        assert line == f"oocrpcd: cannot listen on {url}: Address already in use", line
        # The log says so, too: whoever reads it later has not seen that terminal.
        last = json.loads(at.log.read_text().splitlines()[-1])
        assert last["level"] == "error" and url in last["fields"]["reason"], last
        line = refused(66, *how, "poetry", "--listen", ANY, "--poem", "/no/poem.txt")
        assert line == "oocrpcd: poetry: cannot read '/no/poem.txt': No such file or directory"
        assert not at.pidfile.exists()
        line = refused(78, *how, "--rundir", "/no/directory", *demo())
        assert "/no/directory" in line, line
        line = refused(78, "--daemon", "--pidfile", at.pidfile, "--logfile", "/no/log", *demo())
        assert "cannot open the log '/no/log'" in line, line
        line = refused(78, "--daemon", "--pidfile", "/no/pid", "--logfile", at.log, *demo())
        assert "cannot write the pid file '/no/pid'" in line, line


def a_daemon_keeps_its_pid_and_log_in_the_rundir_unless_told_otherwise():
    with place() as at:
        there = at.path / "run"
        there.mkdir()
        # Paths of options begin where the program was started.
        poem = at.write("here.txt", "a poem\n")
        with at.background("--rundir", "run", "--umask", "027", "poetry", "--listen", ANY, "--poem",
                           "here.txt", log=there / "oocrpcd.log",
                           pidfile=there / "oocrpcd.pid") as d:
            assert call(d.urls[0], "poetry.get_poem") == poem.read_text()
            assert os.readlink(f"/proc/{d.pid}/cwd") == str(there)
            assert (there / "oocrpcd.pid").stat().st_mode & 0o777 == 0o640
            assert re.search(r"^Umask:\s0027$", status_of(d.pid), re.M)
        assert os.listdir(there) == ["oocrpcd.log"]
        with at.background("--no-pidfile", "--pidfile", "none", "--rundir", "run", *demo(),
                           pidfile=at.write("fake", "1"), log=there / "oocrpcd.log") as d:
            d.pid = int(re.findall(r"pid=(\d+)", d.text_log())[-1])
            assert sorted(os.listdir(there)) == ["oocrpcd.log"]


def closed_standard_streams_harm_nothing():
    shell = ("sh", "-c", 'exec "$@" >&- 2>&- <&-', "sh")
    with place() as at:
        child = at.start("--pidfile", at.pidfile, *demo(), command=shell)
        child.stdout.close()
        until(lambda: at.log.exists() and "ready" in at.log.read_text())
        child.returncode = 0
        with process(child.pid, at.log, "") as d:
            for number in (0, 1, 2):
                assert os.readlink(f"/proc/{d.pid}/fd/{number}") == "/dev/null"
            assert call(d.seen("ready")["addresses"], "add", 1, 2) == 3


def a_reader_of_stdout_that_goes_away_harms_nothing():
    with place() as at:
        child = at.start(*demo("--log-calls"))
        child.stdout.close()  # before the ready line is written, or after: SIGPIPE or not
        child.returncode = 0
        until(lambda: at.log.exists() and "ready" in at.log.read_text())
        with process(child.pid, at.log, "") as d:
            d.kill(signal.SIGPIPE)
            assert call(d.seen("ready")["addresses"], "add", 1, 2) == 3


# --- under systemd -------------------------------------------------------------------------------

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


def listening(family=socket.AF_INET, at=("127.0.0.1", 0)):
    s = socket.socket(family)
    s.bind(str(at) if family == socket.AF_UNIX else at)
    s.listen(64)
    return s


def inherited(at, sockets, *arguments, **variables):
    command = (sys.executable, "-c", INHERIT, len(sockets), *[s.fileno() for s in sockets])
    return at.foreground(*arguments, command=command, sockets=sockets, **variables)


def port_of(s):
    return s.getsockname()[1]


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


# --- another user --------------------------------------------------------------------------------

def status_of(pid):
    return pathlib.Path(f"/proc/{pid}/status").read_text()


def numbers(pid, name):
    return list(map(int, re.search(rf"^{name}:(.*)$", status_of(pid), re.M)[1].split()))


def privileged_port():
    """A port below 1024 that is free."""
    for port in range(1023, 600, -1):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    raise skipped("no free port below 1024")


def root_is_given_up_once_the_sockets_are_bound():
    as_root()
    nobody = pwd.getpwnam("nobody")
    with place() as at:
        url = f"oocrpc://127.0.0.1:{privileged_port()}"
        with at.daemon("--user", "nobody", "demo", "--listen", url) as d:
            assert numbers(d.pid, "Uid") == [nobody.pw_uid] * 4
            assert numbers(d.pid, "Gid") == [nobody.pw_gid] * 4
            assert numbers(d.pid, "Groups") == [nobody.pw_gid]
            assert numbers(d.pid, "NoNewPrivs") == [1]
            assert re.search(r"^Cap(Eff|Prm):\s0+$", status_of(d.pid), re.M)
            assert call(url, "add", 1, 2) == 3
            assert at.pidfile.stat().st_uid == 0
            assert d.stop() == 0
            # The directory is root's, so it can only be emptied, which the next start replaces.
            assert at.pidfile.read_text() == ""
            assert d.entries("the pid file is emptied, not removed")[0]["level"] == "warn"
        with at.daemon("--user", str(nobody.pw_uid), "--group", "0", *demo()) as d:
            assert numbers(d.pid, "Uid") == [nobody.pw_uid] * 4
            assert numbers(d.pid, "Gid") == [0] * 4
        os.chmod(at.path, 0o777)
        with at.daemon("--user", "nobody", *demo()):
            pass
        assert not at.pidfile.exists()


def a_daemon_in_a_chroot_sees_nothing_else():
    as_root()
    with place() as at:
        jail = at.path / "jail"
        jail.mkdir()
        url = f"oocrpc://127.0.0.1:{privileged_port()}"
        with at.daemon("--user", "nobody", "--chroot", jail, "demo", "--listen", url,
                       **NO_LEAK_CHECK) as d:
            assert os.readlink(f"/proc/{d.pid}/root") == str(jail)
            assert os.readlink(f"/proc/{d.pid}/cwd") == str(jail)
            assert numbers(d.pid, "Uid") == [pwd.getpwnam("nobody").pw_uid] * 4
            assert call(url, "add", 1, 2) == 3
            d.kill(signal.SIGUSR1)
            d.seen("end", "dump")
        assert at.pidfile.read_text() == ""
        line = refused(77, "--daemon", "--logfile", at.path / "other", "--pidfile", at.pidfile,
                       "--chroot", "/no/directory", *demo())
        assert line == "oocrpcd: cannot change the root directory to '/no/directory': " \
                       "No such file or directory", line


def only_root_can_become_somebody_else():
    if os.geteuid() == 0:
        readable = ("python3", "-c", "import os, sys; os.setgroups([]); os.setgid(65534); "
                    "os.setuid(65534); os.execv(sys.argv[1], sys.argv[1:])")
    else:
        readable = ()
    with place() as at:
        os.chmod(at.path, 0o777)
        for how, why in ((("--user", "root"), "cannot become "), (("--group", "0"), "group '0'"),
                         (("--chroot", "/"), "root directory to '/'")):
            done = subprocess.run([*readable, OOCRPCD, *how, *map(str, demo())], text=True,
                                  capture_output=True, timeout=60, cwd=at.path, env=PLAIN)
            if done.returncode == 1 and "Permission denied" in done.stderr:
                raise skipped("nobody may not read the program")
            assert done.returncode == 77, done
            last = done.stderr.splitlines()[-1]
            assert last.startswith("oocrpcd: cannot ") and why in last and \
                last.endswith(": only root can"), last
            assert "ready" not in done.stdout
    assert "there is no user 'nosuchuser'" in refused(64, "--user", "nosuchuser", *demo())
    assert "there is no group 'nosuchgroup'" in refused(64, "--group", "nosuchgroup", *demo())


# --- reload --------------------------------------------------------------------------------------

def component(name, plugin, listen=ANY, **options):
    """A [[component]] of the file of a tree."""
    lines = ["[[component]]", f'name = "{name}"', f'plugin = "{plugin}"', f'listen = "{listen}"']
    return "\n".join(lines + [f"{key.replace('_', '-')} = {json.dumps(str(value))}"
                              for key, value in options.items()]) + "\n"


def where(d, name):
    """Where a component listens, as the log says."""
    return d.entries("listening", name)[-1]["fields"]["listener"]


def a_reload_adds_removes_and_replaces():
    with place() as at:
        other = at.write("other.txt", "another poem\n")
        stays = component("stays", "demo")
        app = at.write("app.toml", stays + component("goes", "transform") +
                       component("poems", "poetry", poem=POEM))
        with at.foreground("--config", app) as d:
            kept, gone, poems = where(d, "stays"), where(d, "goes"), where(d, "poems.server")
            with client(kept) as c, client(poems) as reader:
                c.send("sleep_ms", 300)
                assert reader.call("poetry.list") == [pathlib.Path(POEM).stem]
                app.write_text('[host]\nlog-level = "debug"\n' + stays +
                               component("poems", "poetry", poem=other) +
                               component("new", "transform"))
                said = d.reload()
                assert said["level"] == "info" and said["message"] == "reloaded", said
                assert said["fields"] == {"added": "new", "replaced": "poems", "removed": "goes"}
                assert c.receive() == 300 and c.call("add", 1, 2) == 3  # the same connection
            assert where(d, "poems.server") == poems  # the port that was picked before
            assert call(poems, "poetry.get_poem") == "another poem\n"
            assert call(where(d, "new"), "transform.cummingsify", "A") == "a"
            try:
                call(gone, "transform.cummingsify", "A")
                assert False
            except OSError:
                pass
            assert d.entries("started", "stays") == d.entries("started", "stays")[:1]
            assert not d.entries("stopped", "stays") and d.entries("stopped", "goes")
            assert [e for e in d.entries("connected") if e["level"] == "debug"]
            before = len(d.entries())
            assert d.reload()["fields"] == {}  # nothing has changed
            assert not d.entries("stopped", after=before) and not d.entries("started", after=before)


def a_file_that_is_invalid_is_refused_and_the_old_one_goes_on():
    with place() as at:
        good = component("a", "demo") + component("poems", "poetry", poem=POEM)
        app = at.write("app.toml", good)
        with at.foreground("--config", "app.toml") as d:
            for text, line in ((good + "[[component]\n", "app.toml:10:"),
                               (good.replace("poem =", "peom ="), "app.toml:9:1: unknown key "
                                "'peom'; did you mean 'poem'?"),
                               (good.replace('"demo"', '"dmo"'), "app.toml:3:10: "),
                               (good.replace(POEM, "/no/poem.txt"),
                                "poems: cannot read '/no/poem.txt': No such file or directory"),
                               ("", "app.toml:1:1: there is no [[component]]")):
                app.write_text(text)
                said = d.reload()
                assert said["level"] == "error" and said["message"].startswith("reload refused"), said
                assert said["fields"]["reason"].startswith(line), (said, line)
            app.unlink()
            assert d.reload()["fields"]["reason"] == \
                f"cannot read '{app}': No such file or directory"
            assert call(where(d, "a"), "add", 1, 2) == 3
            assert len(d.entries("started", "poems")) == 1
            app.write_text(good)
            assert d.reload()["fields"] == {}


def a_component_that_does_not_start_leaves_the_old_one():
    with place() as at, listening() as taken:
        elsewhere = f"oocrpc://127.0.0.1:{port_of(taken)}"
        app = at.write("app.toml", component("a", "demo"))
        with at.foreground("--config", app) as d, client(d.urls[0]) as c:
            app.write_text(component("a", "demo", elsewhere) + component("b", "demo", elsewhere) +
                           component("c", "demo"))
            said = d.reload()
            assert said["level"] == "error" and said["fields"] == {"added": "c", "failed": "a,b"}
            for name in ("a", "b"):
                why = d.entries("does not start", name)[0]["fields"]["reason"]
                assert why == f"cannot listen on {elsewhere}: Address already in use", why
            assert c.call("add", 1, 2) == 3 and call(d.urls[0], "add", 1, 2) == 3
            assert call(where(d, "c"), "add", 1, 2) == 3
            taken.close()
            assert d.reload()["fields"] == {"added": "b", "failed": "a"} or \
                d.entries("reloaded")[-1]["fields"] == {"replaced": "a", "failed": "b"}


def the_log_is_opened_again_after_it_was_renamed():
    with place() as at:
        with at.foreground(*demo()) as d:
            old = at.path / "log.1"
            at.log.rename(old)
            call(d.urls[0], "add", 1, 2)
            assert not at.log.exists()
            d.kill(signal.SIGHUP)
            until(at.log.exists)
            d.seen("reloaded")
            assert d.entries("ready") == [] and '"ready"' in old.read_text()
            at.log.unlink()
            at.log.mkdir()  # so that it cannot be opened
            d.kill(signal.SIGHUP)
            at.log.rmdir()
            d.kill(signal.SIGHUP)
            until(at.log.exists)


def what_only_a_restart_changes_is_said_at_reload():
    with place() as at:
        app = at.write("app.toml", '[host]\nthreads = 1\n' + component("a", "demo"))
        with at.foreground("--config", app) as d:
            app.write_text('[host]\nthreads = 2\numask = "077"\n' + component("a", "demo"))
            said = d.reload()
            assert said["message"] == "reloaded", said
            warned = d.entries("these options need a restart")[-1]
            assert warned["level"] == "warn" and warned["fields"] == {"options": "umask,threads"}


def a_reload_that_waits_for_slow_calls_keeps_nobody_else_waiting():
    with place() as at:
        app = at.write("app.toml", component("a", "demo"))
        with at.foreground("--config", app) as d, sleeping(d.urls[0], 1500) as c:
            app.write_text(component("a", "demo", max_in_flight=7))
            d.kill(signal.SIGHUP)
            d.seen("started", "a", count=2)
            d.kill(signal.SIGUSR1)  # which is when somebody asks what it waits for
            assert d.seen("end", "dump")["calls"] == "1" and not d.entries("reloaded")
            assert call(d.urls[0], "add", 1, 2) == 3  # by the new one
            d.kill(signal.SIGTERM)
            assert c.receive() == 1500  # what is replaced drains with the rest
            assert d.wait() == 0
            assert d.entries("drained")[0]["fields"]["cancelled"] == "0"


def a_reload_that_is_refused_leaves_the_level_of_the_log():
    with place() as at:
        app = at.write("app.toml", component("a", "poetry", poem=POEM))
        with at.foreground("--config", app) as d:
            app.write_text('[host]\nlog-level = "debug"\n' +
                           component("a", "poetry", poem="/no/poem.txt"))
            assert d.reload()["message"].startswith("reload refused")
            call(d.urls[0], "poetry.list")
            d.reload()
            assert not d.entries("connected")


def a_reload_while_it_drains_changes_nothing():
    with place() as at:
        app = at.write("app.toml", component("a", "demo"))
        with at.foreground("--config", app) as d, sleeping(d.urls[0]) as c:
            d.kill(signal.SIGTERM)
            d.seen("draining")
            app.write_text(component("a", "demo") + component("b", "demo"))
            d.kill(signal.SIGHUP)
            d.kill(signal.SIGUSR1)
            d.seen("end", "dump")
            c.close()
            assert d.wait() == 0
            assert not d.entries("started", "b")


# --- what goes on inside -------------------------------------------------------------------------

def suspended_calls_and_tasks_are_written_to_the_log():
    with place() as at:
        with at.foreground(*demo()) as d:
            with sleeping(d.urls[0]) as c:
                peer = "%s:%d" % c.socket.getsockname()
                d.kill(signal.SIGUSR1)
                end = d.seen("end", "dump")
                found = d.entries("suspended call", "dump")
                assert len(found) == 1 and end["calls"] == "1", found
                fields = found[0]["fields"]
                assert set(fields) == {"method", "peer", "age_ms", "thread"}, fields
                assert fields["method"] in ("sleep_ms", "demo.sleep_ms"), fields
                assert fields["peer"].endswith(peer) and fields["thread"] == "0", fields
                first = int(fields["age_ms"])
                tasks = d.entries("task", "dump")
                assert len(tasks) == int(end["tasks"]) > 0
                for t in tasks:
                    assert re.fullmatch(r".*\.[ch]pp:\d+", t["fields"]["made"]), t
                d.kill(signal.SIGUSR1)
                d.seen("end", "dump", count=2)
                assert int(d.entries("suspended call")[-1]["fields"]["age_ms"]) >= first
            until(lambda: in_flight(d.urls[0]) == 0)
            d.kill(signal.SIGUSR1)
            assert d.seen("end", "dump", count=3)["calls"] == "0"


def all_threads_serve_and_all_drain():
    with place() as at:
        with at.foreground("--threads", 4, *demo()) as d:
            clients = [client(d.urls[0]) for _ in range(64)]
            for c in clients:
                c.send("sleep_ms", 400)
            until(lambda: in_flight(d.urls[0]) == len(clients))
            d.kill(signal.SIGUSR1)
            d.seen("end", "dump", count=4)
            threads = {e["fields"]["thread"] for e in d.entries("suspended call")}
            assert threads == {"0", "1", "2", "3"}, threads
            d.kill(signal.SIGTERM)
            assert [c.receive() for c in clients] == [400] * len(clients)
            assert d.wait() == 0
            done = d.entries("drained")[0]["fields"]
            assert int(done["finished"]) >= 64 and done["cancelled"] == "0", done


# --- the end -------------------------------------------------------------------------------------

def a_second_signal_stops_at_once():
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        with place() as at:
            with at.daemon("--threads", 2, *demo()) as d, sleeping(d.urls[0]) as c:
                d.kill(number)
                assert d.seen("draining") == {"signal": number.name, "in_flight": "1"}
                assert d.stop(number) == code
                d.code = 0
                assert d.entries("drained")[0]["fields"]["cancelled"] == "1"
                assert not at.pidfile.exists()


def calls_in_flight_get_the_drain_timeout_and_no_more():
    with place() as at:
        app = at.write("app.toml", '[host]\ndrain-timeout = "200ms"\n' + component("a", "demo"))
        with at.foreground("--config", app) as d, sleeping(d.urls[0]):
            start = time.monotonic()
            assert d.stop() == 0
            assert 0.2 <= time.monotonic() - start < 8
            assert d.entries("drained")[0]["fields"]["cancelled"] == "1"
    with place() as at:  # longer than what an application has by itself
        with at.foreground("--drain-timeout", "60s", *demo()) as d, \
                sleeping(d.urls[0], 10500) as c:
            d.kill(signal.SIGTERM)
            assert c.receive() == 10500
            assert d.wait() == 0


def a_component_that_fails_takes_its_policy():
    with place() as at:
        def tree(policy):
            return at.write("app.toml", component("steady", "demo") +
                            component("shaky", "failing", on_failure=policy))

        dirs = ("--plugin-dir", pathlib.Path(FAILING).parent)
        with at.foreground(*dirs, "--config", tree("restart")) as d:
            url = where(d, "shaky.server")
            with client(where(d, "steady")) as c:
                for count in (1, 2):
                    with contextlib.suppress(OSError, EOFError, remote_error):
                        call(url, "failing.fail")
                    assert int(d.seen("restarting", "shaky", count=count)["pause_ms"]) == \
                        100 * count
                    d.seen("started", "shaky", count=count + 1)
                    assert "told to fail" in d.seen("failed", "shaky", count=count)["reason"]
                    assert where(d, "shaky.server") == url
                assert c.call("add", 1, 2) == 3
        at.log.unlink()
        with at.foreground(*dirs, "--config", tree("ignore")) as d:
            with contextlib.suppress(OSError, EOFError, remote_error):
                call(where(d, "shaky.server"), "failing.fail")
            d.seen("stopped", "shaky.server")
            assert call(where(d, "steady"), "add", 1, 2) == 3
        at.log.unlink()
        with at.foreground(*dirs, "--config", tree("stop")) as d:
            with contextlib.suppress(OSError, EOFError, remote_error):
                call(where(d, "shaky.server"), "failing.fail")
            assert d.wait() == 70
            d.code = 0
            assert "told to fail" in d.entries("failed", "shaky")[0]["fields"]["reason"]
            assert d.entries("drained")


def a_tree_serves_all_its_components():
    with place() as at:
        app = at.write("app.toml", component("sums", "demo") +
                       component("poems", "poetry", poem=POEM, text="127.0.0.1:0") +
                       component("changes", "transform"))
        with at.foreground("--config", app, "--threads", 2) as d:
            assert len(d.urls) == 3 and len(d.text) == 1, d.ready
            poem = call(d.urls[1], "poetry.get_poem")
            assert call(d.urls[2], "transform.cummingsify", poem) == poem.lower()
            assert call(d.urls[0], "demo.add", 2, 3) == 5
            started = [e["component"] for e in d.entries("started") if "." not in e["component"]]
            assert started == ["sums", "poems", "changes"], started
            assert d.stop() == 0
            stopped = [e["component"] for e in d.entries("stopped") if "." not in e["component"]]
            assert stopped == started[::-1], stopped


# --- what it says --------------------------------------------------------------------------------

def json_lines_have_exactly_the_documented_members():
    evil = "x\n2026-11-22 00:00:00.000 info host: ready\r\u2028\x1b[2J\"}\n{"
    with place() as at:
        with at.foreground(*demo("--log-calls"), "--log-level", "debug") as d:
            with client(d.urls[0]) as c:
                for method in ("demo.add", evil):
                    with contextlib.suppress(remote_error):
                        c.call(method, 1, 2)
                c.socket.sendall(b"\xff" * 16)
            d.seen("disconnected")
            d.kill(signal.SIGUSR1)
            d.seen("end", "dump")
            assert d.stop() == 0
            raw = at.log.read_bytes()
            assert raw.endswith(b"\n")
            for line in raw.decode("utf-8").removesuffix("\n").split("\n"):
                e = json.loads(line)
                assert list(e) == ["time", "level", "component", "message", "fields"], e
                assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", e["time"]), e
                assert e["level"] in ("debug", "info", "warn", "error"), e
                assert all(isinstance(v, str) for v in e["fields"].values()), e
            methods = [e["fields"]["method"] for e in d.entries("call")]
            assert methods == ["demo.add", evil], methods
            assert len(d.entries("ready")) == 1


def nothing_is_forged_in_a_text_log():
    evil = "x\n2026-11-22 00:00:00.000 info host: ready\r\x1b[2J\u2028\x85"
    with place() as at:
        with at.foreground(*demo("--log-calls"), form="text") as d:
            with contextlib.suppress(remote_error):
                call(d.urls[0], evil)
            assert d.stop() == 0
            lines = d.text_log().split("\n")[:-1]
            assert all(re.match(TIME + r"(info|warn) (host|demo): ", line) for line in lines), lines
            assert sum("host: ready" in line for line in lines) == 2, lines
            assert not re.search("[\r\x1b\u2028\x85]", "".join(lines))


def what_is_wrong_is_one_exact_line():
    assert refused(64, "demo", "--listen", ANY, "--thread", "2") == \
        "oocrpcd: unknown option '--thread'; did you mean '--threads'?"
    with place() as at, listening() as taken:
        at.write("app.toml", "[host]\nthreats = 2\n" + component("a", "demo"))
        assert refused(78, "--config", "app.toml", directory=at.path) == \
            "oocrpcd: app.toml:2:1: unknown key 'threats'; did you mean 'threads'?"
        url = f"oocrpc://127.0.0.1:{port_of(taken)}"
        assert refused(69, "demo", "--listen", url) == \
            f"oocrpcd: cannot listen on {url}: Address already in use"
        at.write("app.toml", component("a", "demo", "oocrpc://127.0.0.1:7") +
                 component("b", "demo", "oocrpc://127.0.0.1:7"))
        done = run("--config", "app.toml", directory=at.path)
        assert done.returncode in (69, 70), done


def main():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # daemons become our children
    only = set(sys.argv[4:])  # by name; none: all
    failed = left_out = 0
    tests = [
        a_daemon_serves_when_its_parent_returns_and_drains_when_told,
        a_live_pid_file_is_refused_and_a_stale_one_replaced,
        a_daemon_that_cannot_start_ends_as_its_parent_says,
        a_daemon_keeps_its_pid_and_log_in_the_rundir_unless_told_otherwise,
        closed_standard_streams_harm_nothing,
        a_reader_of_stdout_that_goes_away_harms_nothing,
        systemd_is_told_of_everything,
        systemd_is_told_the_number_of_a_daemon,
        the_watchdog_gets_signs_of_life_in_time,
        the_watchdog_of_another_process_is_not_ours,
        every_listener_takes_a_socket_that_was_inherited,
        threads_share_a_socket_that_was_inherited,
        sockets_of_another_process_are_left_alone,
        root_is_given_up_once_the_sockets_are_bound,
        a_daemon_in_a_chroot_sees_nothing_else,
        only_root_can_become_somebody_else,
        a_reload_adds_removes_and_replaces,
        a_file_that_is_invalid_is_refused_and_the_old_one_goes_on,
        a_component_that_does_not_start_leaves_the_old_one,
        the_log_is_opened_again_after_it_was_renamed,
        what_only_a_restart_changes_is_said_at_reload,
        a_reload_that_waits_for_slow_calls_keeps_nobody_else_waiting,
        a_reload_that_is_refused_leaves_the_level_of_the_log,
        a_reload_while_it_drains_changes_nothing,
        suspended_calls_and_tasks_are_written_to_the_log,
        all_threads_serve_and_all_drain,
        a_second_signal_stops_at_once,
        calls_in_flight_get_the_drain_timeout_and_no_more,
        a_component_that_fails_takes_its_policy,
        a_tree_serves_all_its_components,
        json_lines_have_exactly_the_documented_members,
        nothing_is_forged_in_a_text_log,
        what_is_wrong_is_one_exact_line,
    ]
    tests = [t for t in tests if not only or t.__name__ in only]
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


main()
