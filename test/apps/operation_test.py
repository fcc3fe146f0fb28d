"""A running oocrpcd: what it says of itself, how its components fail, how it ends.

Each test is a sentence; none waits for a time to pass, all for something to happen.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from oocrpc_base import client, remote_error  # noqa: E402
from oocrpcd_process import (  # noqa: E402
    ANY, FAILING, POEM, call, component, demo, in_flight, listening, main, place, port_of,
    refused, run, sleeping, until, where)

BROKEN = pathlib.Path(FAILING).parent / "broken"
# What the log's lines begin with.
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} "


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


def what_an_operator_asks_for_is_written_at_any_level():
    with place() as at:
        with at.foreground("--log-level", "off", *demo()) as d:
            d.kill(signal.SIGUSR1)
            d.seen("end", "dump")
            assert d.entries("task", "dump")
            assert {e["level"] for e in d.entries()} == {"info"}
            assert {e["component"] for e in d.entries()} == {"dump"}, d.text_log()


def a_plugin_that_crashes_is_one_line_and_the_others_serve():
    with place() as at:
        for name in ("throws", "function", "exits", "sound"):
            shutil.copy(BROKEN / f"{name}.so", at.path)
        (at.path / "half.so").write_bytes(pathlib.Path(FAILING).read_bytes()[:20000])
        os.mkfifo(at.path / "fifo.so")
        with at.foreground("--plugin-dir", at.path, *demo()) as d:
            assert call(d.urls[0], "add", 1, 2) == 3
        lines = (at.path / "errors").read_text().splitlines()
        assert [line.split(".so: ")[0] for line in lines] == \
            [f"oocrpcd: plugin {at.path}/{name}"
             for name in ("exits", "fifo", "function", "half", "throws")], lines
        assert lines[-1].endswith("throws.so: it crashed: Aborted"), lines
        done = run("--list", "--plugin-dir", at.path)
        assert done.returncode == 0 and str(at.path / "sound.so") in done.stdout, done


def a_plugin_that_crashes_at_a_reload_does_no_harm():
    with place() as at:
        def tree(directory, more=""):
            return at.write("app.toml", f'[host]\nthreads = 4\nplugin-dir = ["{directory}"]\n' +
                            component("a", "demo") + more)

        for name in ("none", "new"):
            (at.path / name).mkdir()
        for name in ("throws", "function"):
            shutil.copy(BROKEN / f"{name}.so", at.path / "new")
        shutil.copy(FAILING, at.path / "new")
        with at.foreground("--config", tree(at.path / "none")) as d:
            tree(at.path / "new", component("b", "failing"))
            assert d.reload()["fields"] == {"added": "b"}
            said = [e["message"] for e in d.entries(component="host") if e["level"] == "error"]
            assert len(said) == 2 and f"{at.path}/new/throws.so: it crashed: Aborted" in said[1], \
                said
            assert d.entries("listening", "b.server")
            assert call(d.urls[0], "add", 1, 2) == 3


def a_factory_that_throws_stops_the_start_with_component_and_file():
    with place() as at:
        file = shutil.copy(BROKEN / "refuses.so", at.path)
        at.write("app.toml", component("a", "demo") + '[[component]]\nname = "x"\n'
                 'plugin = "refuses"\n')
        assert refused(70, "--plugin-dir", at.path, "--config", "app.toml", directory=at.path) == \
            f"oocrpcd: x ({file}): factory says no"


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


def a_flood_of_broken_connections_is_one_line_a_second():
    def garbage():
        with client(d.urls[0]) as c:
            c.socket.sendall(b"\xff" * 16)
            with contextlib.suppress(ConnectionError):
                while c.socket.recv(1000):
                    pass
    with place() as at, at.foreground(*demo()) as d:
        for e in d.flood("disconnected", garbage):
            assert e["fields"]["reason"].startswith("protocol_error: "), e
            assert e["fields"]["peer"].startswith("127.0.0.1:"), e


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


def two_components_never_listen_at_one_address():
    with listening() as free:
        port = port_of(free)
    one, same = f"oocrpc://127.0.0.1:{port}", f"mongodb://localhost:{port}"
    for second, shown in (
            (component("b", "transform", same), same),
            (component("b", "poetry", poem=POEM, text=f"127.0.0.1:{port}"), f"127.0.0.1:{port}")):
        with place() as at:
            at.write("app.toml", component("a", "demo", one) + second)
            for threads in (1, 2):
                done = run("--threads", threads, "--config", "app.toml", directory=at.path)
                line = done.stderr.splitlines()[-1]
                assert done.returncode == 69 and done.stdout == "", done
                assert line == f"oocrpcd: cannot listen on {shown}: 'a' does already", line
            line = refused(78, "--check", "app.toml", directory=at.path)
            assert line.endswith(f": cannot listen on {shown}: 'a' does already"), line
            assert line.startswith("oocrpcd: b"), line


main([
    suspended_calls_and_tasks_are_written_to_the_log,
    what_an_operator_asks_for_is_written_at_any_level,
    a_plugin_that_crashes_is_one_line_and_the_others_serve,
    a_plugin_that_crashes_at_a_reload_does_no_harm,
    a_factory_that_throws_stops_the_start_with_component_and_file,
    all_threads_serve_and_all_drain,
    a_second_signal_stops_at_once,
    calls_in_flight_get_the_drain_timeout_and_no_more,
    a_component_that_fails_takes_its_policy,
    a_tree_serves_all_its_components,
    json_lines_have_exactly_the_documented_members,
    a_flood_of_broken_connections_is_one_line_a_second,
    nothing_is_forged_in_a_text_log,
    what_is_wrong_is_one_exact_line,
    two_components_never_listen_at_one_address,
])
