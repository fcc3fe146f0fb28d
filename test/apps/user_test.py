"""Users and their passwords, as an operator manages them: user_test.py OOCRPCD.

Passwords are typed on a terminal of our own (a pty). Each test is a sentence.
"""
import base64
import contextlib
import hashlib
import hmac
import os
import pathlib
import pty
import re
import signal
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import suite  # noqa: E402
import terminal as terminals  # noqa: E402

OOCRPCD = os.path.abspath(sys.argv[1])
WORD = "correct horse \u2168 battery"


@contextlib.contextmanager
def place():
    """A directory to be in, and the path of its users.toml."""
    with tempfile.TemporaryDirectory(prefix="oocrpc-user-") as directory:
        yield pathlib.Path(directory, "users.toml")


def user(path, *words, typed="", **how):
    """`oocrpcd user` in the file's directory, without a terminal, `typed` being its stdin."""
    return subprocess.run([OOCRPCD, "user", *words], cwd=path.parent, input=typed, timeout=60,
                          capture_output=True, text=True, start_new_session=True, **how)


def done(path, *words, **how):
    ended = user(path, *words, **how)
    assert ended.returncode == 0 and ended.stderr == "", ended
    return ended.stdout


def refused(code, path, *words, **how):
    """The one line on stderr."""
    ended = user(path, *words, **how)
    assert ended.returncode == code, ended
    assert ended.stdout == "" and ended.stderr.count("\n") == 1, ended
    return ended.stderr


def add(path, name, *words, password=WORD):
    return done(path, "add", name, *words, "--password-stdin", typed=password + "\n")


def credentials(path, name):
    """Mechanism: [iterations, salt, stored key, server key]."""
    text = path.read_text("utf-8").split(f'[users."{name}"]')[1].split("[users.")[0]
    found = re.findall(r'"(SCRAM-[^"$]*)\$(\d+):([^$]*)\$([^:]*):([^"]*)"', text)
    return {f[0]: [int(f[1]), *map(base64.b64decode, f[2:])] for f in found}


def opens(path, name, password):
    """Whether the keys of both mechanisms are those of the password, by Python's own hashes."""
    found = credentials(path, name)
    assert set(found) == {"SCRAM-SHA-1", "SCRAM-SHA-256"}, found
    digest = hashlib.md5(f"{name}:mongo:{password}".encode()).hexdigest()
    right = []
    for kind, by, text in (("SCRAM-SHA-1", "sha1", digest), ("SCRAM-SHA-256", "sha256", password)):
        iterations, salt, stored, server = found[kind]
        text = text.replace("\u2168", "IX")  # as SASLprep does
        salted = hashlib.pbkdf2_hmac(by, text.encode(), salt, iterations)
        key = hmac.new(salted, b"Client Key", by).digest()
        right.append(hashlib.new(by, key).digest() == stored and
                     hmac.new(salted, b"Server Key", by).digest() == server)
    assert right[0] == right[1], right
    return right[0]


def terminal(path, *words):
    """`oocrpcd user` in the file's directory, on a terminal of its own."""
    return terminals.terminal(OOCRPCD, "user", *words, cwd=path.parent)


def a_password_is_asked_for_twice_and_never_shown():
    with place() as path:
        t = terminal(path, "add", "ada", "--role", "admin")
        t.expect("Password of ada: ")
        assert not t.echoes()
        t.type(WORD + "\n")
        t.expect("The same again: ")
        assert not t.echoes()
        t.type(WORD + "\n")
        assert t.end() == 0, t.seen
        assert "correct" not in t.seen and "horse" not in t.seen, t.seen
        assert t.seen.split() == "Password of ada: The same again:".split(), t.seen
        assert opens(path, "ada", WORD) and not opens(path, "ada", WORD + "x")
        assert WORD not in path.read_text("utf-8")


def the_terminal_echoes_again_afterwards():
    with place() as path:
        # A shell keeps the terminal open, so that its state can be looked at afterwards.
        pid, master = pty.fork()
        if pid == 0:
            os.chdir(path.parent)
            os.execv("/bin/sh", ["sh", "-c", f"stty -echonl; '{OOCRPCD}' user add ada; "
                                             "stty -a; echo code $?"])
        seen = ""
        for answer in ("Password of ada: ", "The same again: "):
            while answer not in seen:
                seen += os.read(master, 4096).decode()
            os.write(master, b"pencil\n")
        while "code 0" not in seen:
            seen += os.read(master, 4096).decode()
        os.waitpid(pid, 0)
        os.close(master)
        assert " echo " in seen and " -echonl " in seen and "pencil" not in seen, seen


def passwords_that_differ_are_refused():
    with place() as path:
        t = terminal(path, "add", "ada")
        t.expect("Password of ada: ")
        t.type("one\n")
        t.expect("again: ")
        t.type("other\n")
        assert t.end() == 64 and "the two passwords differ" in t.seen, t.seen
        assert not path.exists()


def no_password_is_refused():
    with place() as path:
        for typed in ("\n", "\x04"):
            t = terminal(path, "add", "ada")
            t.expect("Password of ada: ")
            t.type(typed)
            t.expect("again: ")
            t.type(typed)
            assert t.end() == 64 and "the password is empty" in t.seen, t.seen


def a_signal_ends_the_question_and_gives_the_terminal_back():
    with place() as path:
        for number, send in ((signal.SIGINT, lambda t: t.type("\x03")),
                             (signal.SIGQUIT, lambda t: t.type("\x1c")),
                             (signal.SIGTERM, lambda t: os.kill(t.pid, signal.SIGTERM)),
                             (signal.SIGHUP, lambda t: os.kill(t.pid, signal.SIGHUP))):
            t = terminal(path, "add", "ada")
            slave = os.open(f"/dev/pts/{t.number()}", os.O_RDWR | os.O_NOCTTY)
            t.expect("Password of ada: ")
            assert not t.echoes()
            t.type("half of a pass")
            send(t)
            status = os.waitpid(t.pid, 0)[1]
            assert os.waitstatus_to_exitcode(status) == -number, (number, status)
            assert t.echoes(), number
            os.close(slave)
            os.close(t.master)
            assert os.listdir(path.parent) == []


def without_a_terminal_it_says_what_else_there_is():
    with place() as path:
        line = refused(64, path, "add", "ada")
        assert "--password-file" in line and "--password-stdin" in line, line
        assert not path.exists()


def stdin_that_is_a_terminal_is_refused():
    with place() as path:
        t = terminal(path, "add", "ada", "--password-stdin")
        assert t.end() == 64 and "stdin is a terminal" in t.seen, t.seen


def a_password_comes_from_a_file_or_stdin_without_its_last_newline():
    with place() as path:
        for n, text in enumerate(("pencil", "pencil\n", "pencil\r\n")):
            done(path, "add", f"s{n}", "--password-stdin", typed=text)
            assert opens(path, f"s{n}", "pencil"), text
            pathlib.Path(path.parent, "word").write_text(text)
            done(path, "add", f"f{n}", "--password-file", "word")
            assert opens(path, f"f{n}", "pencil"), text
        reader, writer = os.pipe()
        os.write(writer, b"pencil")
        os.close(writer)
        done(path, "add", "pipe", "--password-file", f"/dev/fd/{reader}", pass_fds=[reader])
        os.close(reader)
        assert opens(path, "pipe", "pencil")


def passwords_that_cannot_be_are_refused():
    with place() as path:
        for text, why in (("", "empty"), ("\n", "empty"), ("x" * 1025, "1024 bytes"),
                          ("x" * 100000, "1024 bytes"), ("a\nb", "SASLprep"), ("a\n\n", "SASLprep"),
                          ("a\0b", "SASLprep"), ("\U0001f600", "SASLprep")):
            line = refused(64, path, "add", "ada", "--password-stdin", typed=text)
            assert why in line and "xxx" not in line, line
            assert not path.exists()
        add(path, "ada", password="x" * 1024)
        assert opens(path, "ada", "x" * 1024)
        assert "cannot read '/no/word'" in refused(66, path, "add", "b", "--password-file", "/no/word")


def a_user_is_added_listed_changed_and_removed():
    with place() as path:
        add(path, "ada", "--role", "admin")
        add(path, "bob")
        done(path, "add", "CN=cyd,O=x", "--no-password")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        both = "SCRAM-SHA-1,SCRAM-SHA-256"
        assert done(path, "list") == (f"CN=cyd,O=x  -      -\nada         admin  {both}\n"
                                      f"bob         -      {both}\n")
        before = credentials(path, "ada")
        done(path, "passwd", "ada", "--password-stdin", typed="other")
        assert opens(path, "ada", "other") and opens(path, "bob", WORD)
        assert credentials(path, "ada")["SCRAM-SHA-1"][1] != before["SCRAM-SHA-1"][1]  # the salt
        assert re.search(r"^ada +admin ", done(path, "list"), re.M)
        done(path, "passwd", "bob", "--no-password")
        assert credentials(path, "bob") == {}
        done(path, "remove", "ada")
        assert "ada" not in done(path, "list")
        assert os.listdir(path.parent) == ["users.toml"]


def names_and_roles_that_cannot_be_are_refused():
    with place() as path:
        add(path, "ada", "--role", "admin")
        before = path.read_bytes()
        for code, words, why in (
                (64, ["add", "ada"], "there is a user 'ada' already"),
                (64, ["add", "bob", "--role", "admim"], "no role 'admim'; did you mean 'admin'?"),
                (64, ["add", "b\nb"], "control characters"),
                (64, ["add", "x" * 1025], "1024 bytes"),
                (64, ["remove", "adda"], "there is no user 'adda'; did you mean 'ada'?"),
                (64, ["passwd", "nobody"], "there is no user 'nobody'")):
            line = refused(code, path, *words)  # before it asks
            assert why in line, line
        assert path.read_bytes() == before


def words_that_make_no_sense_are_refused():
    with place() as path:
        add(path, "ada")
        for words, why in (
                ([], "user needs an action"),
                (["ad", "x"], "unknown action 'ad'; did you mean 'add'?"),
                (["erase", "x"], "add, remove, list or passwd"),
                (["add"], "add needs the name of a user"),
                (["remove"], "remove needs the name of a user"),
                (["list", "ada"], "list takes no name"),
                (["add", "x", "y"], "unexpected argument 'y'"),
                (["remove", "ada", "--role", "admin"], "remove takes no --role"),
                (["passwd", "ada", "--role", "admin"], "passwd takes no --role"),
                (["list", "--password-stdin"], "list takes no --password-stdin"),
                (["remove", "ada", "--no-password"], "remove takes no --no-password"),
                (["add", "x", "--no-password", "--password-stdin"], "exclude each other"),
                (["add", "x", "--rolle", "y"], "unknown option '--rolle'; did you mean '--role'?"),
                (["add", "x", "--password", "pencil"], "unknown option '--password'"),
                (["list", "--threads", "2"], "unknown option '--threads'"),
                (["list", "--file", ""], "file")):
            line = refused(64, path, *words)
            assert why in line, (words, line)
        ended = subprocess.run([OOCRPCD, "--threads", "2", "user", "list"], cwd=path.parent,
                               capture_output=True, text=True)
        assert ended.returncode == 64 and "no options of the host" in ended.stderr, ended
        assert "ada" in done(path, "list")


def another_file_is_named_by_an_option():
    with place() as path:
        add(path, "ada", "--file", "other.toml")
        assert not path.exists()
        assert done(path, "list", "--file", "other.toml").startswith("ada ")
        assert "No such file" in refused(66, path, "list")
        assert "No such file" in refused(66, path, "remove", "ada")
        assert "No such file" in refused(66, path, "passwd", "ada")


def a_file_that_others_can_read_is_refused_and_not_changed():
    with place() as path:
        add(path, "ada")
        before = path.read_bytes()
        for mode in (0o604, 0o644, 0o666, 0o660):
            path.chmod(mode)
            for words in (["list"], ["remove", "ada"], ["add", "bob"], ["passwd", "ada"]):
                assert "chmod 600" in refused(78, path, *words), (mode, words)
        path.chmod(0o640)  # of a daemon's group
        add(path, "bob")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert path.read_bytes() != before


def what_is_wrong_in_the_file_is_said_with_its_place():
    with place() as path:
        add(path, "ada")
        good = path.read_text()
        for what, instead, where in (("secret", "secert", "3:1"), ("[roles]", "[rolls]", "5:2"),
                                     ('admin" = ["*"]', 'admin" = ["*."]', "6:11"),
                                     ("roles = []", 'roles = ["x"]', "8:1"),
                                     ("SCRAM-SHA-1$", "SCRAM-SHA-2$", "10:15")):
            path.write_text(good.replace(what, instead))
            line = refused(78, path, "list")
            assert f"users.toml:{where}: " in line, (what, line)


def a_file_that_cannot_be_written_stays_as_it_was():
    with place() as path:
        add(path, "ada")
        before = path.read_bytes()

        def full():  # of a disk: no file may become longer than this
            import resource
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

        line = refused(78, path, "add", "bob", "--no-password", preexec_fn=full,
                       restore_signals=False)
        assert "cannot write" in line, line
        assert path.read_bytes() == before
        assert os.listdir(path.parent) == ["users.toml"]


def changes_at_the_same_time_are_all_kept():
    with place() as path:
        add(path, "first")
        many = [subprocess.Popen([OOCRPCD, "user", "add", f"u{n}", "--no-password"],
                                 cwd=path.parent) for n in range(12)]
        assert all(p.wait(60) == 0 for p in many)
        assert len(done(path, "list").splitlines()) == 13


def a_lock_is_not_held_while_a_password_is_asked_for():
    with place() as path:
        add(path, "ada")
        t = terminal(path, "add", "bob")
        t.expect("Password of bob: ")
        done(path, "add", "cyd", "--no-password")
        done(path, "add", "bob", "--no-password")
        for again in (": ", "again: "):
            t.expect(again)
            t.type("pencil\n")
        assert t.end() == 64 and "there is a user 'bob' already" in t.seen, t.seen
        assert len(done(path, "list").splitlines()) == 3


def help_manual_and_completions_know_the_command():
    def told(*words):
        ended = subprocess.run([OOCRPCD, *words], capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0 and ended.stderr == "", ended
        return ended.stdout

    assert re.search(r"^  user +Adds, removes", told("--help"), re.M)
    options = ("--file", "--role", "--password-file", "--password-stdin", "--no-password")
    page = told("--man").replace("\\-", "-")
    text = told("user", "--help")
    assert "ACTION [NAME]" in text and "add, remove, list or passwd" in text, text
    assert max(map(len, text.splitlines())) <= 100, text
    for option in options:
        assert option in text and f"\\fB{option}\\fR" in page, option
        for shell in ("bash", "zsh", "fish"):
            word = f" -l {option[2:]} " if shell == "fish" else option
            assert word in told("--completion", shell), (shell, option)

    def complete(*words):
        line = 'eval "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _oocrpcd; ' \
               'printf "%s\\n" "${COMPREPLY[@]}"'
        return subprocess.run(["bash", "--norc", "-uc", line, "bash", told("--completion", "bash"),
                               "oocrpcd", *words], capture_output=True, text=True).stdout.split()

    assert complete("us") == ["user"]
    assert complete("user", "pass") == ["passwd"]
    assert complete("user", "add", "ada", "--ro") == ["--role"]
    assert complete("user", "add", "ada", "--password-") == ["--password-file", "--password-stdin"]
    assert "user" not in told("--list").split()


def main():
    tests = [
        a_password_is_asked_for_twice_and_never_shown,
        the_terminal_echoes_again_afterwards,
        passwords_that_differ_are_refused,
        no_password_is_refused,
        a_signal_ends_the_question_and_gives_the_terminal_back,
        without_a_terminal_it_says_what_else_there_is,
        stdin_that_is_a_terminal_is_refused,
        a_password_comes_from_a_file_or_stdin_without_its_last_newline,
        passwords_that_cannot_be_are_refused,
        a_user_is_added_listed_changed_and_removed,
        names_and_roles_that_cannot_be_are_refused,
        words_that_make_no_sense_are_refused,
        another_file_is_named_by_an_option,
        a_file_that_others_can_read_is_refused_and_not_changed,
        what_is_wrong_in_the_file_is_said_with_its_place,
        a_file_that_cannot_be_written_stays_as_it_was,
        changes_at_the_same_time_are_all_kept,
        a_lock_is_not_held_while_a_password_is_asked_for,
        help_manual_and_completions_know_the_command,
    ]
    suite.run(tests)


main()
