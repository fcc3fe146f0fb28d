"""SIGHUP to oocrpcd: what a reload changes, refuses and leaves alone; the log after logrotate.

Each test is a sentence; none waits for a time to pass, all for something to happen.
"""
import pathlib
import signal
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from oocrpc_base import client  # noqa: E402
from oocrpcd_process import (  # noqa: E402
    POEM, call, component, demo, listening, main, place, port_of, sleeping, until, where)


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
                assert said["level"] == "error", said
                assert said["message"].startswith("reload refused"), said
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


def a_text_port_goes_on_with_what_replaced_it():
    with place() as at:
        with listening() as free:
            text = f"127.0.0.1:{port_of(free)}"
        other = at.write("other.txt", "another poem\n")
        app = at.write("app.toml", component("poems", "poetry", poem=POEM, text=text))

        def read():
            with socket.create_connection(("127.0.0.1", int(text.split(":")[1])), 20) as s:
                return b"".join(iter(lambda: s.recv(4096), b"")).decode()

        with at.foreground("--config", app) as d, listening() as taken:
            assert read() == pathlib.Path(POEM).read_text()
            # The text port of this one starts before its server does not.
            app.write_text(component("poems", "poetry", f"oocrpc://127.0.0.1:{port_of(taken)}",
                                     poem=other, text=text))
            assert d.reload()["fields"] == {"failed": "poems"}
            assert read() == pathlib.Path(POEM).read_text()
            app.write_text(component("poems", "poetry", poem=other, text=text))
            assert d.reload()["fields"] == {"replaced": "poems"}
            assert read() == "another poem\n"
            app.write_text(component("else", "demo"))
            assert d.reload()["fields"] == {"added": "else", "removed": "poems"}
            try:
                read()
                assert False
            except ConnectionRefusedError:
                pass


def a_second_signal_cuts_a_reload_short():
    with place() as at:
        app = at.write("app.toml", component("a", "demo"))
        with at.foreground("--config", app, "--threads", 2) as d, sleeping(d.urls[0]):
            app.write_text(component("a", "demo", max_in_flight=7))
            d.kill(signal.SIGHUP)
            d.seen("started", "a", count=2)
            d.kill(signal.SIGTERM)
            d.seen("draining")
            assert d.stop() == 143
            d.code = 0


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


main([
    a_reload_adds_removes_and_replaces,
    a_file_that_is_invalid_is_refused_and_the_old_one_goes_on,
    a_component_that_does_not_start_leaves_the_old_one,
    the_log_is_opened_again_after_it_was_renamed,
    what_only_a_restart_changes_is_said_at_reload,
    a_reload_that_waits_for_slow_calls_keeps_nobody_else_waiting,
    a_text_port_goes_on_with_what_replaced_it,
    a_second_signal_cuts_a_reload_short,
    a_reload_that_is_refused_leaves_the_level_of_the_log,
    a_reload_while_it_drains_changes_nothing,
])
