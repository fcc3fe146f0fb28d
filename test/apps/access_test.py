"""Who may come in, as an operator sees it: access_test.py OOCRPCD POEM FAILING.

Each test is a sentence.
"""
import contextlib
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import oocrpcd_process  # noqa: E402
import scram_client  # noqa: E402
import suite  # noqa: E402
from oocrpc_base import client, remote_error  # noqa: E402
from oocrpcd_process import ANY, OOCRPCD, PLAIN, place, until  # noqa: E402

ROLES = '"reader" = ["poetry.get_poem", "demo.add"]\n'


def user(where, *words, password=""):
    done = subprocess.run([OOCRPCD, "user", *words], input=password, cwd=where.path, text=True,
                          capture_output=True, start_new_session=True, timeout=60, env=PLAIN)
    assert done.returncode == 0, done


@contextlib.contextmanager
def users():
    """A directory whose users.toml has ada, an admin, and bob, a reader."""
    with place() as where:
        user(where, "add", "ada", "--role", "admin", "--password-stdin", password="secret one\n")
        file = where.path / "users.toml"
        file.write_text(file.read_text().replace("[roles]\n", "[roles]\n" + ROLES))
        user(where, "add", "bob", "--role", "reader", "--password-stdin", password="secret two\n")
        yield where


def log_in(c, name, password):
    """Over a connection of oocrpc_base; remote_error where it is refused."""
    def exchange(payload, starts):
        method = ("oocrpc.sasl_start", "SCRAM-SHA-256") if starts else ("oocrpc.sasl_continue",)
        answer = c.call(*method, payload)
        assert answer["done"] is not starts, answer
        return answer["payload"]
    scram_client.log_in(exchange, name, password)


def refusal(call):
    """What the server answers instead: its error's identifier."""
    try:
        return f"served: {call()!r}"
    except remote_error as e:
        return e.message


def start_refused(where, *arguments):
    """The exit code and the one line on stderr of a host that does not start."""
    done = subprocess.run([OOCRPCD, *map(str, arguments)], cwd=where.path, text=True,
                          capture_output=True, timeout=60, env=PLAIN)
    assert done.stdout == "", done
    assert done.stderr.count("\n") == 1, done
    return done.returncode, done.stderr


def nobody_is_served_before_the_login_and_roles_count_after_it():
    with users() as where, where.foreground("--users", "users.toml", "demo", "--listen", ANY) as d:
        with client(d.urls[0]) as c:
            assert refusal(lambda: c.call("demo.add", 2, 3)) == "unauthenticated"
            log_in(c, "bob", "secret two")
            assert c.call("demo.add", 2, 3) == 5
            assert refusal(lambda: c.call("demo.stats")) == "permission_denied"
            log_in(c, "ada", "secret one")
            assert "in_flight" in str(c.call("demo.stats"))
        seen = [e["fields"] for e in d.entries("logged in")]
        assert [s["user"] for s in seen] == ["bob", "ada"], seen
        assert all(s["mechanism"] == "SCRAM-SHA-256" for s in seen), seen


def a_wrong_password_is_refused_and_logged_without_it():
    with users() as where, where.foreground("--users", "users.toml", "--log-level", "debug", "demo",
                                            "--listen", ANY) as d:
        for name, password in (("ada", "secret two"), ("eve", "secret one")):
            with client(d.urls[0]) as c:
                assert refusal(lambda: log_in(c, name, password)) == "unauthenticated"
                assert refusal(lambda: c.call("demo.add", 2, 3)) == "unauthenticated"
        seen = [e["fields"] for e in d.entries("a login failed")]
        assert [s["user"] for s in seen] == ["ada", "eve"], seen
        assert len({s["reason"] for s in seen}) == 1, seen
        assert "secret" not in d.text_log()


def a_flood_of_logins_is_one_line_a_second():
    def wrong():
        with client(d.urls[0]) as c:
            assert refusal(lambda: log_in(c, "ada", "secret two")) == "unauthenticated"
    with users() as where, where.foreground("--users", "users.toml", "demo", "--listen", ANY) as d:
        assert all(e["fields"]["user"] == "ada" for e in d.flood("a login failed", wrong))


def a_reload_brings_new_users_and_new_rights_to_connections_that_stay():
    with users() as where, where.foreground("--users", "users.toml", "demo", "--listen", ANY) as d:
        with client(d.urls[0]) as c:
            log_in(c, "bob", "secret two")
            file = where.path / "users.toml"
            file.write_text(file.read_text().replace('"demo.add"', '"demo.echo"'))
            user(where, "add", "cy", "--role", "reader", "--password-stdin", password="three\n")
            assert d.reload()["message"] == "reloaded"
            assert refusal(lambda: c.call("demo.add", 2, 3)) == "permission_denied"
            assert c.call("demo.echo", 7) == 7
            with client(d.urls[0]) as other:
                log_in(other, "cy", "three")
                assert other.call("demo.echo", 8) == 8


def who_is_removed_has_no_rights_while_components_drain():
    def tree(*drains):
        return '[host]\nusers = "users.toml"\n' + "".join(
            f'[[component]]\nname = "{name}"\nplugin = "demo"\nlisten = "{ANY}"\n{more}'
            for name, more in (("stays", ""), ("drains", "".join(drains))))
    with users() as where:
        where.write("app.toml", tree())
        with where.foreground("--config", "app.toml") as d:
            with client(d.urls[0]) as c, client(d.urls[1]) as slow:
                for one in c, slow:
                    log_in(one, "ada", "secret one")
                slow.send("demo.sleep_ms", 600000)
                with client(d.urls[1]) as other:
                    log_in(other, "ada", "secret one")
                    until(lambda: other.call("demo.stats")["in_flight"] > 1)
                user(where, "remove", "ada")
                where.write("app.toml", tree("max-in-flight = 1000\n"))
                d.kill(signal.SIGHUP)
                until(lambda: refusal(lambda: c.call("demo.stats")) == "permission_denied", 10)
                assert not d.entries("reloaded"), d.text_log()
            d.seen("reloaded")


def a_reload_with_a_broken_file_of_users_is_refused_as_a_whole():
    with users() as where, where.foreground("--users", "users.toml", "demo", "--listen", ANY) as d:
        file = where.path / "users.toml"
        whole = file.read_text()
        for broken, why in ((whole + "x", "users.toml:"), (whole.replace("admin", "adm", 1), "role"),
                            ("", "secret")):
            file.write_text(broken)
            answer = d.reload()
            assert answer["message"].startswith("reload refused"), answer
            assert why in answer["fields"]["reason"], answer
        file.chmod(0o644)
        assert "others" in d.reload()["fields"]["reason"]
        with client(d.urls[0]) as c:
            log_in(c, "ada", "secret one")


def the_file_of_users_has_to_be_there_and_to_be_right():
    with users() as where:
        code, text = start_refused(where, "--users", "none.toml", "demo", "--listen", ANY)
        assert code == 66 and "none.toml" in text, (code, text)
        (where.path / "users.toml").chmod(0o644)
        code, text = start_refused(where, "--users", "users.toml", "demo", "--listen", ANY)
        assert code == 78 and "users.toml" in text, (code, text)


def a_listener_that_other_machines_reach_needs_users_or_insecure():
    with users() as where:
        for at in ("oocrpc://0.0.0.0:0", "mongodb://0.0.0.0:0", "oocrpc://[::]:0"):
            code, text = start_refused(where, "demo", "--listen", at)
            assert code == 78, (code, text)
            assert at.split("?")[0].split(":0")[0] in text and "--users" in text, text
            assert "--insecure" in text and "nobody has to log in" in text, text
        for more in (["--insecure"], ["--users", "users.toml"]):
            with where.foreground(*more, "demo", "--listen", "oocrpc://0.0.0.0:0") as d:
                assert d.urls
        with where.foreground("demo", "--listen", "oocrpc://localhost:0") as d:
            assert d.urls


def the_same_holds_for_check_for_a_reload_and_for_text_ports():
    open_tree = '[[component]]\nplugin = "demo"\nlisten = "oocrpc://0.0.0.0:0"\n'
    closed = '[[component]]\nplugin = "demo"\nlisten = "oocrpc://127.0.0.1:0"\n'
    with users() as where:
        where.write("app.toml", open_tree)
        code, text = start_refused(where, "--check", "app.toml")
        assert code == 78 and "nobody has to log in" in text, (code, text)
        where.write("app.toml", closed)
        with where.foreground("--config", "app.toml") as d:
            where.write("app.toml", open_tree)
            answer = d.reload()
            assert "nobody has to log in" in answer["fields"]["reason"], answer
            with client(d.urls[0]) as c:
                assert c.call("demo.add", 2, 3) == 5
        poem = oocrpcd_process.POEM
        code, text = start_refused(where, "--users", "users.toml", "poetry", "--poem", poem,
                                   "--listen", ANY, "--text", "0.0.0.0:0")
        assert code == 78 and "nobody has to log in there" in text, (code, text)


suite.run([
    nobody_is_served_before_the_login_and_roles_count_after_it,
    a_wrong_password_is_refused_and_logged_without_it,
    a_flood_of_logins_is_one_line_a_second,
    a_reload_brings_new_users_and_new_rights_to_connections_that_stay,
    who_is_removed_has_no_rights_while_components_drain,
    a_reload_with_a_broken_file_of_users_is_refused_as_a_whole,
    the_file_of_users_has_to_be_there_and_to_be_right,
    a_listener_that_other_machines_reach_needs_users_or_insecure,
    the_same_holds_for_check_for_a_reload_and_for_text_ports,
])
