"""SIGHUP to oocrpcd: what a reload changes, refuses and leaves alone; the log after logrotate.

Each test is a sentence; none waits for a time to pass, all for something to happen.
"""
import contextlib
import pathlib
import signal
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from oocrpc_base import client  # noqa: E402
from oocrpcd_process import (  # noqa: E402
    FAILING, POEM, call, component, demo, listening, main, place, port_of, sleeping, until, where)

DIRS = ("--plugin-dir", pathlib.Path(FAILING).parent)
SUM, LOWER = ("demo.add", 1, 2), ("transform.cummingsify", "A")


def free_urls(count):
    """URLs where nobody listens."""
    with contextlib.ExitStack() as all_of_them:
        ports = [port_of(all_of_them.enter_context(listening())) for _ in range(count)]
    return [f"oocrpc://127.0.0.1:{port}" for port in ports]


def is_refused(url):
    try:
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 20).close()
    except ConnectionRefusedError:
        return True
    return False


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


def an_old_component_that_fails_to_stop_is_told_and_the_new_one_serves():
    with place() as at:
        def tree(**how):
            return component("steady", "demo") + component("shaky", "failing", **how)

        app = at.write("app.toml", tree(stop="throws"))
        with at.foreground(*DIRS, "--config", app) as d:
            url = where(d, "shaky.server")
            app.write_text(tree(stop="throws", max_in_flight=7))
            assert d.reload()["fields"] == {"replaced": "shaky"}
            assert "told to fail" in d.seen("did not stop well", "shaky")["reason"]
            assert where(d, "shaky.server") == url and not is_refused(url)
            assert d.reload()["fields"] == {}
            app.write_text(component("steady", "demo"))
            assert d.reload()["fields"] == {"removed": "shaky"}
            assert is_refused(url)
            assert call(where(d, "steady"), *SUM) == 3


def an_old_component_that_hangs_gets_the_drain_timeout():
    with place() as at:
        def tree(drain, **how):
            return f'[host]\ndrain-timeout = "{drain}"\n' + component("a", "failing", **how)

        app = at.write("app.toml", tree("200ms", stop="hangs"))
        with at.foreground(*DIRS, "--config", app) as d:
            for number in (1, 2):
                app.write_text(tree("200ms", stop="hangs", max_in_flight=number))
                assert d.reload()["fields"] == {"replaced": "a"}
            app.write_text(tree("200ms") + component("b", "demo"))
            assert d.reload()["fields"] == {"added": "b", "replaced": "a"}
            assert call(where(d, "b"), *SUM) == 3
    for how in ({"start": "hangs"}, {"max_in_flight": 7}):
        with place() as at:
            app = at.write("app.toml", tree("1s", stop="hangs"))
            with at.foreground(*DIRS, "--config", app) as d:
                app.write_text(tree("1s", **how))
                d.kill(signal.SIGHUP)  # which waits for the one or the other
                d.seen("started", "a.task" if "start" in how else "a", count=2)
                start = time.monotonic()
                assert d.stop() == 0
                assert time.monotonic() - start < 8


def addresses_move_between_components():
    for threads in (1, 2):
        with place() as at:
            one, other, third = free_urls(3)

            def tree(*urls):
                return (component("a", "demo", urls[0]) + component("b", "transform", urls[1]) +
                        component("c", "proxy", urls[2], upstream=urls[0]))

            app = at.write("app.toml", tree(one, other, third))
            with at.foreground("--threads", threads, "--config", app) as d:
                for urls in ((other, one, third), (third, one, other), (one, other, third)):
                    app.write_text(tree(*urls))
                    fields = d.reload()["fields"]
                    assert set(fields) == {"replaced"}, (fields, d.entries("does not start"))
                    for _ in range(10):
                        assert call(urls[0], *SUM) == 3 and call(urls[1], *LOWER) == "a"
                        assert call(urls[2], *SUM) == 3
                app.write_text(component("c", "transform", one) + component("b", "demo", other))
                assert d.reload()["fields"] == {"replaced": "c,b", "removed": "a"}
                assert call(one, *LOWER) == "a" and call(other, *SUM) == 3
                assert is_refused(third)


def a_component_gets_another_name_and_no_call_waits():
    with place() as at:
        url, = free_urls(1)
        app = at.write("app.toml", component("a", "demo", url))
        with at.foreground("--config", app) as d, sleeping(url, 1500) as c:
            app.write_text(component("z", "demo", url))
            d.kill(signal.SIGHUP)
            d.seen("started", "z")
            for _ in range(10):
                assert call(url, *SUM) == 3
            assert not d.entries("reloaded")  # the old one drains
            assert c.receive() == 1500
            assert d.seen("reloaded") == {"added": "z", "removed": "a"}
            assert call(url, *SUM) == 3


def an_address_that_was_given_away_is_not_shared_with_one_that_stays():
    with place() as at, listening() as taken:
        one, other = free_urls(2)
        nowhere = f"oocrpc://127.0.0.1:{port_of(taken)}"
        app = at.write("app.toml", component("a", "demo", one) + component("b", "transform", other))
        with at.foreground("--config", app) as d:
            # The one that keeps its address, as the other is free, comes first.
            app.write_text(component("a", "demo", nowhere) + component("b", "transform", one))
            assert d.reload()["fields"] == {"failed": "a,b"}
            assert d.entries("does not start", "b")[-1]["fields"]["reason"] == \
                f"cannot listen on {one}: 'a' does already"
            assert call(one, *SUM) == 3 and call(other, *LOWER) == "a"
            app.write_text(component("b", "transform", one) + component("a", "demo", nowhere))
            assert d.reload()["fields"] == {"replaced": "b", "failed": "a"}
            assert d.entries("ends, its address is in use", "a")[-1]["fields"] == {"by": "b"}
            for _ in range(10):
                assert call(one, *LOWER) == "a"
            taken.close()
            assert d.reload()["fields"] == {"added": "a"}
            assert call(nowhere, *SUM) == 3


def a_text_port_that_was_picked_stays():
    with place() as at:
        def tree(**more):
            return component("poems", "poetry", poem=POEM, text="127.0.0.1:0", **more)

        app = at.write("app.toml", tree())
        with at.foreground("--config", app) as d:
            at_first = d.entries("listening", "poems")[-1]["fields"]["listener"]
            assert at_first == f"text 127.0.0.1:{d.text[0]}"
            app.write_text(tree(max_in_flight=7))
            assert d.reload()["fields"] == {"replaced": "poems"}
            again = d.entries("listening", "poems")
            assert len(again) == 2 and again[-1]["fields"]["listener"] == at_first, again


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
    an_old_component_that_fails_to_stop_is_told_and_the_new_one_serves,
    an_old_component_that_hangs_gets_the_drain_timeout,
    addresses_move_between_components,
    a_component_gets_another_name_and_no_call_waits,
    an_address_that_was_given_away_is_not_shared_with_one_that_stays,
    a_text_port_that_was_picked_stays,
])
