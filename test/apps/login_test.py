#!/usr/bin/env python3
"""How programs that call a server get the password of their user.

    login_test.py OOCRPC GET_POETRY OOCRPC_PROXY

Each test is a sentence.
"""
import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import login_peer  # noqa: E402
import oocrpc_base as base  # noqa: E402
import suite  # noqa: E402
from terminal import terminal  # noqa: E402

OOCRPC, GET_POETRY, PROXY = (os.path.abspath(p) for p in sys.argv[1:4])
WORD = "correct horse, battery=staple"
USERS = {"ann": WORD, "b@b": "other"}


@contextlib.contextmanager
def word_in_a_file(text=WORD + "\n"):
    with tempfile.NamedTemporaryFile("w", prefix="oocrpc-login-") as file:
        file.write(text)
        file.flush()
        yield file.name


def run(program, *words, **environment):
    """Without a terminal."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OOCRPC_")}
    return subprocess.run([program, *words], env={**kept, **environment}, capture_output=True,
                          stdin=subprocess.DEVNULL, text=True, timeout=60, start_new_session=True)


def who(at, *words, user="ann", **environment):
    return run(OOCRPC, "call", f"oocrpc://{user}@{at}", "who", *words, **environment)


def check(ended, code, out="", err=""):
    assert ended.returncode == code, ended
    assert re.fullmatch(out, ended.stdout) and re.fullmatch(err, ended.stderr), ended
    assert WORD not in ended.stdout + ended.stderr, ended


def the_password_comes_from_a_file_or_the_environment():
    with login_peer.running(USERS) as at, word_in_a_file() as path:
        check(who(at, "--password-file", path), 0, '"ann"\n')
        check(who(at, OOCRPC_PASSWORD_FILE=path), 0, '"ann"\n')
        check(who(at, OOCRPC_PASSWORD=WORD), 0, '"ann"\n')
        check(who(at, OOCRPC_PASSWORD="other", user="b%40b"), 0, '"b@b"\n')
        # What is nearer counts.
        check(who(at, "--password-file", path, OOCRPC_PASSWORD_FILE="/no/such",
                  OOCRPC_PASSWORD="wrong"), 0, '"ann"\n')
        check(who(at, OOCRPC_PASSWORD_FILE=path, OOCRPC_PASSWORD="wrong"), 0, '"ann"\n')


def every_command_logs_in():
    with login_peer.running(USERS) as at:
        for words in (["ping", f"oocrpc://ann@{at}", "-c", "1"],
                      ["bench", f"oocrpc://ann@{at}", "who", "-d", "0.1", "--warmup", "0"],
                      ["call", f"oocrpc://ann@{at}", "who"]):
            ended = run(OOCRPC, *words, OOCRPC_PASSWORD=WORD)
            assert ended.returncode == 0, ended
            ended = run(OOCRPC, *words, OOCRPC_PASSWORD="wrong")
            assert ended.returncode == 77 and "unauthenticated" in ended.stderr, ended


def the_password_is_asked_for_on_the_terminal_without_echo():
    with login_peer.running(USERS) as at:
        for typed, code in ((WORD, 0), ("wrong", 77)):
            t = terminal(OOCRPC, "call", f"oocrpc://ann@{at}", "who")
            t.expect(f"Password of oocrpc://ann@{at}: ")
            assert not t.echoes()
            t.type(typed + "\n")
            assert t.end() == code, t.seen
            assert typed not in t.seen, t.seen
            assert ('"ann"' in t.seen) == (code == 0), t.seen


def a_server_of_mongodb_is_logged_in_to_by_what_the_url_says():
    for speculates in (True, False):
        with login_peer.mongodb_running(USERS, speculates) as at:
            for options in ("", "?authMechanism=SCRAM-SHA-1", "?authMechanism=SCRAM-SHA-256",
                            "?authSource=users"):
                url = f"mongodb://ann@{at}/demo{options}"
                check(run(OOCRPC, "call", url, "who", OOCRPC_PASSWORD=WORD), 0, '"ann"\n')
                check(run(OOCRPC, "call", url, "who", OOCRPC_PASSWORD="wrong"), 77, "",
                      "oocrpc: unauthenticated: .*Authentication failed.\n")
    check(run(OOCRPC, "call", "mongodb://ann@127.0.0.1:1/?authMechanism=PLAIN", "who",
              OOCRPC_PASSWORD=WORD), 64, "", "oocrpc: URL: PLAIN .*needs TLS.*\n")


def without_a_terminal_and_without_a_password_the_program_says_what_to_do():
    check(who("127.0.0.1:1"), 64, "", "oocrpc: there is no terminal .* see --password-file\n")


def a_wrong_password_ends_with_77_and_one_line():
    with login_peer.running(USERS) as at:
        for user in ("ann", "nobody"):
            check(who(at, OOCRPC_PASSWORD="wrong", user=user), 77, "",
                  f"oocrpc: unauthenticated: oocrpc://{at}: the login of '{user}' by SCRAM-SHA-256 "
                  "failed: the server says unauthenticated: no login\n")
        check(run(OOCRPC, "call", f"oocrpc://{at}", "who"), 77, "", "oocrpc: unauthenticated: .*\n")


def a_password_on_the_command_line_is_refused_and_not_repeated():
    for url in (f"mongodb://ann:{WORD.replace(' ', '%20')}@127.0.0.1:1",
                f"oocrpc://ann:{WORD.replace(' ', '%20')}@127.0.0.1:1"):
        for program, words in ((OOCRPC, ["call", url, "who"]), (GET_POETRY, [url]),
                               (PROXY, ["--upstream", url])):
            ended = run(program, *words)
            check(ended, 64, "", ".*others .*--password-file.*\n")
            assert "horse" not in ended.stderr, ended


def a_password_file_that_cannot_be_or_is_not_used_is_refused():
    check(who("127.0.0.1:1", "--password-file", "/no/such"), 66, "",
          "oocrpc: cannot read '/no/such': No such file or directory\n")
    with word_in_a_file("x" * 2000) as path:
        check(who("127.0.0.1:1", "--password-file", path), 64, "", ".*longer than a password.*\n")
    with word_in_a_file() as path:
        check(run(OOCRPC, "list", "oocrpc://127.0.0.1:1", "--password-file", path), 64, "",
              "oocrpc: --password-file: the URL names no user who needs one\n")
        check(run(GET_POETRY, "oocrpc://127.0.0.1:1", "--password-file", path), 64, "",
              "get-poetry: --password-file: no URL names a user\n")


def get_poetry_logs_in_to_each_server_that_names_a_user():
    with login_peer.running(USERS) as one, login_peer.running(USERS) as two, \
            word_in_a_file() as path:
        ended = run(GET_POETRY, f"oocrpc://ann@{one}", f"oocrpc://ann@{two}",
                    "--password-file", path)
        assert ended.returncode == 0 and ended.stdout.count("A poem for ann\n") == 2, ended
        t = terminal(GET_POETRY, f"oocrpc://ann@{one}", f"oocrpc://b%40b@{two}")
        t.expect(f"Password of oocrpc://ann@{one}: ")
        t.type(WORD + "\n")
        t.expect(f"Password of oocrpc://b%40b@{two}: ")
        t.type("other\n")
        assert t.end() == 0, t.seen
        assert "A poem for ann" in t.seen and "A poem for b@b" in t.seen, t.seen


@contextlib.contextmanager
def proxy(*words, **environment):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OOCRPC_")}
    process = subprocess.Popen([PROXY, "--listen", "oocrpc://127.0.0.1:0", *words], text=True,
                               env={**kept, **environment}, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    try:
        yield re.search(r"ready.*?(oocrpc\S+)", process.stdout.readline())[1]
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def the_proxy_logs_in_to_its_upstream():
    with login_peer.running(USERS) as at, word_in_a_file() as path:
        for words, environment in ((["--upstream-password-file", path], {}),
                                   ([], {"OOCRPC_PASSWORD_FILE": path}),
                                   ([], {"OOCRPC_PASSWORD": WORD})):
            with proxy("--upstream", f"oocrpc://ann@{at}", *words, **environment) as url, \
                    base.client(url) as caller:
                assert caller.call("poetry.get_poem") == "A poem for ann\n"
        # That the proxy is refused is no fault of its callers.
        with proxy("--upstream", f"oocrpc://ann@{at}", OOCRPC_PASSWORD="wrong") as url, \
                base.client(url) as caller:
            try:
                caller.call("poetry.get_poem")
                assert False
            except base.remote_error as e:
                assert e.message == "unavailable" and "the login of 'ann'" in e.detail, e
        ended = run(PROXY, "--listen", "oocrpc://127.0.0.1:0", "--upstream", f"oocrpc://ann@{at}")
        assert ended.returncode == 64 and "has no password" in ended.stderr, ended


suite.run([the_password_comes_from_a_file_or_the_environment,
           every_command_logs_in,
           the_password_is_asked_for_on_the_terminal_without_echo,
           a_server_of_mongodb_is_logged_in_to_by_what_the_url_says,
           without_a_terminal_and_without_a_password_the_program_says_what_to_do,
           a_wrong_password_ends_with_77_and_one_line,
           a_password_on_the_command_line_is_refused_and_not_repeated,
           a_password_file_that_cannot_be_or_is_not_used_is_refused,
           get_poetry_logs_in_to_each_server_that_names_a_user,
           the_proxy_logs_in_to_its_upstream])
