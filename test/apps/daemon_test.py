"""oocrpcd in the background, as an operator meets it: pid file, log, failures, another user.

Each test is a sentence; none waits for a time to pass, all for something to happen.
"""
import contextlib
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

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from oocrpcd_process import (  # noqa: E402
    ANY, OOCRPCD, PLAIN, POEM, call, demo, main, place, poetry, process, refused, skipped,
    status_of, until)

# What the log's lines begin with.
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} "
# Where /proc is missing, the sanitizer cannot look for leaks, and says that it has failed.
NO_LEAK_CHECK = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


def as_root():
    if os.geteuid() != 0:
        raise skipped("needs root")


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


def the_log_is_opened_again_by_whom_root_becomes():
    as_root()
    nobody = pwd.getpwnam("nobody")
    with place() as at:
        os.chmod(at.path, 0o711)
        with at.daemon("--user", "nobody", *demo()) as d:
            assert (at.log.stat().st_uid, at.log.stat().st_gid) == (nobody.pw_uid, nobody.pw_gid)
            d.reload()
            assert not d.entries("cannot reopen the log, the old file goes on")


def what_the_user_plants_is_not_followed_by_root():
    as_root()
    nobody = pwd.getpwnam("nobody")
    with place() as at:
        own = at.path / "own"
        own.mkdir()
        os.chown(own, nobody.pw_uid, nobody.pw_gid)
        roots = at.write("roots", "root's\n")
        (own / "log").symlink_to("../roots")
        line = refused(78, "--user", "nobody", "--logfile", own / "log", *demo())
        assert line == f"oocrpcd: cannot open the log '{own}/log': it is a symbolic link", line
        assert roots.read_text() == "root's\n"
        pidfile = own / "pid"
        pidfile.write_text("1\n")
        os.chown(pidfile, nobody.pw_uid, nobody.pw_gid)
        with at.background("--user", "nobody", "--logfile", at.log, "--log-format", "json",
                           "--pidfile", pidfile, *demo(), pidfile=pidfile) as d:
            assert int(pidfile.read_text()) == d.pid
            assert pidfile.stat().st_uid == 0 and pidfile.stat().st_mode & 0o777 == 0o644


def killing_who_waits_for_the_daemon_ends_it():
    with place() as at:
        os.mkfifo(at.path / "poem")
        child = at.start("--daemon", "--pidfile", at.pidfile, "poetry", "--listen", ANY, "--poem",
                         at.path / "poem")
        def opened():
            with contextlib.suppress(OSError):  # as long as nobody reads
                return os.fdopen(os.open(at.path / "poem", os.O_WRONLY | os.O_NONBLOCK), "w")
        with until(opened):
            child.terminate()
            assert child.wait(30) == -signal.SIGTERM
            left = []
            with contextlib.suppress(ChildProcessError):
                until(lambda: left.append(os.wait()))
            assert len(left) == 2, left  # the session's leader and the daemon
        assert child.stdout.read() == "" and "ready" not in at.log.read_text()


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


def who_is_the_user_already_stays_so_without_other_rights():
    as_root()
    nobody = pwd.getpwnam("nobody")

    def by_nobody(*groups):
        return ("python3", "-c", f"import os, sys; os.setgroups({list(groups)}); "
                f"os.setgid({nobody.pw_gid}); os.setuid({nobody.pw_uid}); "
                "os.execv(sys.argv[1], sys.argv[1:])")
    with place() as at:
        os.chmod(at.path, 0o777)
        done = subprocess.run([*by_nobody(0, 4, 42), OOCRPCD, "--user", "nobody", *demo()],
                              text=True, capture_output=True, timeout=60, cwd=at.path, env=PLAIN)
        if done.returncode == 1 and "Permission denied" in done.stderr:
            raise skipped("nobody may not read the program")
        assert done.returncode == 77 and "ready" not in done.stdout, done
        assert done.stderr.splitlines()[-1] == \
            "oocrpcd: cannot leave the groups 0, 4, 42: only root can", done
        for groups in (), (nobody.pw_gid,):
            with at.foreground("--user", "nobody", *demo(), command=by_nobody(*groups)) as d:
                assert numbers(d.pid, "Groups") == list(groups)
                assert numbers(d.pid, "NoNewPrivs") == [1]
                assert call(d.urls[0], "add", 1, 2) == 3


main([
    a_daemon_serves_when_its_parent_returns_and_drains_when_told,
    a_live_pid_file_is_refused_and_a_stale_one_replaced,
    a_daemon_that_cannot_start_ends_as_its_parent_says,
    a_daemon_keeps_its_pid_and_log_in_the_rundir_unless_told_otherwise,
    closed_standard_streams_harm_nothing,
    a_reader_of_stdout_that_goes_away_harms_nothing,
    root_is_given_up_once_the_sockets_are_bound,
    the_log_is_opened_again_by_whom_root_becomes,
    what_the_user_plants_is_not_followed_by_root,
    killing_who_waits_for_the_daemon_ends_it,
    a_daemon_in_a_chroot_sees_nothing_else,
    only_root_can_become_somebody_else,
    who_is_the_user_already_stays_so_without_other_rights,
])
