#!/usr/bin/env python3
"""The command line client from outside, against `oocrpcd demo`.

    oocrpc_test.py OOCRPC OOCRPCD [unittest arguments]

The last line counts the cases, as test/README.md says.
"""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

OOCRPC, OOCRPCD = sys.argv[1:3]
PATIENCE = 60  # seconds; only a test that fails waits so long
DEADLINE_TEXT = "oocrpc: deadline_exceeded: call deadline of 200 ms passed\n"


class server:
    """A conformance service that listens at `url`."""

    def __init__(self, url="oocrpc://127.0.0.1:0"):
        self.process = subprocess.Popen([OOCRPCD, "demo", "--listen", url], text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.url = re.search(r"ready.*?(oocrpc\S+)", self.process.stdout.readline())[1]

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class peer:
    """A socket that answers whatever comes with `data` and hangs up, or says nothing at all."""

    def __init__(self, data):
        self.data = data
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "oocrpc://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        try:
            client, _ = self.listener.accept()
        except OSError:
            return
        with client:
            client.recv(4096)
            client.sendall(self.data)

    def stop(self):
        self.listener.close()


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return "oocrpc://127.0.0.1:%d" % s.getsockname()[1]


def start(*words, **options):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen([OOCRPC, *words], **options)


def run(*words):
    process = start(*words)
    try:
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    return process.returncode, out, err


def stats(url):
    return json.loads(run("call", url, "demo.stats")[1])


def wait_until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


class cli(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = server()
        cls.url = cls.server.url

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def check(self, words, code=0, out="", err=""):
        self.assertEqual(run(*words), (code, out, err))

    def call(self, *words):
        code, out, err = run("call", self.url, *words)
        self.assertEqual((code, err), (0, ""))
        return out

    def refused(self, *words):
        """The text of a usage error."""
        code, out, err = run(*words)
        self.assertEqual((code, out), (64, ""), err)
        self.assertRegex(err, r"\Aoocrpc: .*; see oocrpc --help\n\Z")
        return err[len("oocrpc: "):-len("; see oocrpc --help\n")]

    def test_prints_a_result(self):
        self.assertEqual(self.call("demo.add", "2", "3"), "5\n")
        self.assertEqual(self.call("demo.add", "-5", "3"), "-2\n")

    def test_a_word_is_json_or_text(self):
        echo = lambda *words: self.call("demo.echo", "--compact", *words)
        self.assertEqual(echo('"2"'), '"2"\n')
        self.assertEqual(echo("2"), "2\n")
        self.assertEqual(echo("hello, world"), '"hello, world"\n')
        self.assertEqual(echo(""), '""\n')
        self.assertEqual(echo("[1, [2]]"), "[1,[2]]\n")
        self.assertEqual(echo("[not json]"), '"[not json]"\n')
        self.assertEqual(echo("[]"), "[]\n")
        self.assertEqual(echo("{}"), "{}\n")
        self.assertEqual(echo("null"), "null\n")
        self.assertEqual(echo("call"), '"call"\n')
        self.assertEqual(echo("--", "--compact"), '"--compact"\n')
        self.assertEqual(echo('{"$oid": "507f1f77bcf86cd799439011"}'),
                         '{"$oid":"507f1f77bcf86cd799439011"}\n')

    def test_chinese_text_arrives_and_returns(self):
        self.assertEqual(self.call("demo.echo", "床前明月光"), '"床前明月光"\n')
        self.check(["call", self.url, "demo.fail", "诗", "没有这首诗"], 1,
                   err="oocrpc: 诗: 没有这首诗\n")

    def test_objects_are_indented_unless_compact(self):
        value = '{"b": 1, "a": [true]}'
        self.assertEqual(self.call("demo.echo", value),
                         '{\n  "b": 1,\n  "a": [\n    true\n  ]\n}\n')
        self.assertEqual(self.call("demo.echo", value, "--compact"), '{"b":1,"a":[true]}\n')

    def test_named_arguments(self):
        self.assertEqual(self.call("demo.add", "--named", '{"b": 2, "a": 40}'), "42\n")

    def test_metadata(self):
        out = self.call("demo.whoami", "--meta", "tenant=诗社", "--meta", "trace=a=b")
        self.assertEqual(json.loads(out)["metadata"], {"tenant": "诗社", "trace": "a=b"})

    def test_a_method_without_result_prints_null(self):
        self.assertEqual(self.call("demo.noreply"), "null\n")

    def test_a_stream_is_a_line_an_item(self):
        self.assertEqual(self.call("demo.count", "3"), "0\n1\n2\n")

    def test_a_stream_without_items_prints_nothing(self):
        self.assertEqual(self.call("demo.count", "0"), "")

    def test_a_long_stream_is_complete(self):
        self.assertEqual(self.call("demo.count", "1000"), "".join(f"{i}\n" for i in range(1000)))

    def test_items_are_printed_as_they_come(self):
        process = start("call", self.url, "demo.count_slow", "1000000", "5", "--timeout", "none")
        self.assertEqual([process.stdout.readline() for _ in range(3)], ["0\n", "1\n", "2\n"])
        self.assertIsNone(process.poll())
        process.kill()
        process.communicate()

    def test_an_error_of_the_method_is_1(self):
        self.check(["call", self.url, "demo.fail", "poem_lost", "page 3"], 1,
                   err="oocrpc: poem_lost: page 3\n")
        code, out, err = run("call", self.url, "demo.nothing")
        self.assertEqual((code, out), (1, ""))
        self.assertRegex(err, r"\Aoocrpc: no_such_method: .*demo.nothing.*\n\Z")
        code, _, err = run("call", self.url, "demo.add", "1", "x")
        self.assertEqual(code, 1)
        self.assertRegex(err, r"\Aoocrpc: invalid_argument: .*string.*\n\Z")

    def test_a_deadline_is_124_and_names_its_origin(self):
        self.check(["call", self.url, "demo.sleep_ms", "60000", "--timeout", "200ms"], 124,
                   err=DEADLINE_TEXT)
        code, out, err = run("call", self.url, "demo.count_slow", "9", "50000", "--timeout", "0.2s")
        self.assertEqual((code, out, err), (124, "", DEADLINE_TEXT))

    def test_a_server_that_does_not_answer_is_124(self):
        mute = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(mute.close)
        url = "oocrpc://127.0.0.1:%d" % mute.getsockname()[1]
        self.check(["call", url, "demo.add", "--timeout", "200ms"], 124, err=DEADLINE_TEXT)

    def test_unavailable_is_69(self):
        url = closed_port()
        for words in (["call", url, "demo.add", "1", "2"], ["ping", url], ["list", url],
                      ["describe", url]):
            with self.subTest(words=words):
                code, out, err = run(*words)
                self.assertEqual((code, out), (69, ""))
                self.assertRegex(err, rf"\Aoocrpc: unavailable: .*{url}.*\n\Z")
        self.assertEqual(run("call", "oocrpc+unix:///nowhere/socket", "demo.add")[0], 69)

    def test_a_server_that_hangs_up_is_69(self):
        gone = peer(b"")
        self.addCleanup(gone.stop)
        self.assertEqual(run("call", gone.url, "demo.add", "1", "2")[0], 69)

    def test_another_protocol_is_76(self):
        for data in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n",
                     b"\0\0\0\x05\5\0\0\0\0", b"\0\0\0\4\0\0\0\0"):
            with self.subTest(data=data):
                other = peer(data)
                self.addCleanup(other.stop)
                code, out, err = run("call", other.url, "demo.add", "1", "2")
                self.assertEqual((code, out), (76, ""), err)
                self.assertRegex(err, r"\Aoocrpc: protocol_error: .+\n\Z")

    def test_usage_errors_are_one_line_and_64(self):
        u = self.url
        self.assertEqual(self.refused(), "A subcommand is required")
        self.assertIn("METHOD is required", self.refused("call", u))
        self.assertIn("unknown scheme 'http'", self.refused("call", "http://h:1", "m"))
        self.assertIn("a port is missing", self.refused("ping", "oocrpc://h"))
        self.assertIn("not a number from 0 to 65535", self.refused("list", "oocrpc://h:x"))
        self.assertIn("--nope", self.refused("call", u, "demo.add", "--nope"))
        self.assertIn("'5' is no duration", self.refused("call", u, "m", "--timeout", "5"))
        self.assertIn("'k' is not NAME=TEXT", self.refused("call", u, "m", "--meta", "k"))
        self.assertIn("'[1]' is not a JSON object", self.refused("call", u, "m", "--named", "[1]"))
        self.assertIn("together with ARG '1'", self.refused("call", u, "m", "1", "--named", "{}"))
        self.assertIn("the arguments cannot be sent: [0]: ",
                      self.refused("call", u, "m", "9223372036854775808"))

    def test_help_and_version_are_0(self):
        for words in (["--help"], ["call", "--help"], ["--version"]):
            code, out, err = run(*words)
            self.assertEqual((code, err), (0, ""))
            self.assertIn("oocrpc", out)

    def interrupt(self, number, *words):
        """Sends a signal once the server runs the call; the server has to see it cancelled."""
        before = stats(self.url)
        process = start("call", self.url, *words, "--timeout", "none")
        wait_until(lambda: stats(self.url)["in_flight"] > before["in_flight"])
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
        wait_until(lambda: stats(self.url)["in_flight"] == before["in_flight"])
        self.assertEqual(stats(self.url)["cancelled"], before["cancelled"] + 1)
        self.assertEqual((process.returncode, err), (128 + number, "oocrpc: interrupted\n"))
        return out

    def test_an_interrupt_is_130_and_cancels_the_call(self):
        self.assertEqual(self.interrupt(signal.SIGINT, "demo.sleep_ms", "600000"), "")

    def test_an_interrupt_cancels_a_stream(self):
        out = self.interrupt(signal.SIGINT, "demo.count_slow", "1000000", "5")
        self.assertEqual(out, "".join(f"{i}\n" for i in range(out.count("\n"))))

    def test_a_termination_is_143(self):
        self.interrupt(signal.SIGTERM, "demo.sleep_ms", "600000")

    def test_an_interrupt_while_connecting_is_130(self):
        full = socket.socket()
        self.addCleanup(full.close)
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for s in waiting:
            self.addCleanup(s.close)
            s.setblocking(False)
            s.connect_ex(address)
        process = start("call", "oocrpc://127.0.0.1:%d" % address[1], "demo.add", "1", "2")
        handler_is_there = lambda: caught(process.pid, signal.SIGINT)
        wait_until(handler_is_there)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, out, err), (130, "", "oocrpc: interrupted\n"))

    def test_a_closed_stdout_ends_quietly_and_cancels(self):
        before = stats(self.url)
        process = start("call", self.url, "demo.count_slow", "1000000", "1", "--timeout", "none")
        self.assertEqual(process.stdout.readline(), "0\n")
        process.stdout.close()
        self.assertEqual(process.wait(timeout=PATIENCE), 0)
        self.assertEqual(process.stderr.read(), "")
        process.stderr.close()
        wait_until(lambda: stats(self.url)["in_flight"] == before["in_flight"])

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_a_full_stdout_is_74(self):
        with open("/dev/full", "w") as full:
            process = start("call", self.url, "demo.add", "1", "2", stdout=full)
            _, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 74)
        self.assertRegex(err, r"\Aoocrpc: stdout: .+\n\Z")

    def test_ping(self):
        code, out, err = run("ping", self.url, "-c", "3", "--interval", "1ms")
        self.assertEqual((code, err), (0, ""))
        lines = out.splitlines()
        self.assertRegex(lines[0], rf"\Aconnected to {self.url} in [\d.]+ ms\Z")
        self.assertEqual([line.split(":")[0] for line in lines[1:4]], ["1", "2", "3"])
        self.assertRegex(lines[4], r"\Aleast [\d.]+ ms, mean [\d.]+ ms, most [\d.]+ ms\Z")

    def test_list(self):
        code, out, err = run("list", self.url)
        self.assertEqual((code, err), (0, ""))
        self.assertIn("demo.add", out.splitlines())
        self.assertEqual(json.loads(run("list", self.url, "--json")[1]), out.splitlines())

    def test_describe(self):
        code, out, err = run("describe", self.url)
        self.assertEqual((code, err), (0, ""))
        self.assertIn("demo.sleep_ms(ms: int32) -> int32", out.splitlines())
        self.check(["describe", self.url, "demo.count"],
                   out="demo.count(n: int32) -> stream of int32\n")
        told = json.loads(run("describe", self.url, "demo.count", "--json")[1])
        self.assertEqual(told, [{"name": "demo.count", "result": "int32", "streams": True,
                                 "parameters": [{"name": "n", "type": "int32"}]}])
        self.assertEqual(run("describe", self.url, "demo.nothing")[0], 1)

    def test_bench_prints_one_object(self):
        code, out, err = run("bench", self.url, "demo.add", "2", "3", "-c", "3", "-i", "4",
                             "-d", "0.2", "--warmup", "0.05", "--threads", "2", "--json")
        self.assertEqual((code, err), (0, ""))
        told = json.loads(out)
        self.assertEqual(list(told), ["calls_per_s", "p50_us", "p90_us", "p99_us", "p999_us",
                                      "calls", "errors", "seconds"])
        self.assertGreater(told["calls"], 0)
        self.assertEqual(told["errors"], 0)
        self.assertAlmostEqual(told["calls_per_s"] * told["seconds"], told["calls"],
                               delta=told["calls"] / 100 + 1)
        self.assertLessEqual(told["p50_us"], told["p999_us"])

    def test_bench_with_a_rate_makes_no_more_calls(self):
        code, out, err = run("bench", self.url, "demo.add", "2", "3", "-c", "2", "--rate", "200",
                             "-d", "0.5", "--warmup", "0", "--json")
        self.assertEqual((code, err), (0, ""))
        self.assertTrue(10 <= json.loads(out)["calls"] <= 102, out)

    def test_bench_with_a_rate_counts_what_a_call_waits_for_the_one_before_it(self):
        code, out, err = run("bench", self.url, "demo.sleep_ms", "50", "--rate", "100", "-d", "0.5",
                             "--warmup", "0", "--json")
        self.assertEqual((code, err), (0, ""))
        self.assertGreater(json.loads(out)["p90_us"], 3 * 50e3)  # the tenth was due 0.4 s before

    def test_bench_for_a_person_has_no_live_line_in_a_file(self):
        code, out, err = run("bench", self.url, "demo.add", "2", "3", "-d", "0.1", "--warmup", "0")
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, r"\A\d+ calls/s, \d+ calls and 0 errors in [\d.]+ s\nlatency .*\n\Z")

    def test_bench_counts_errors_and_names_the_first(self):
        code, out, err = run("bench", self.url, "demo.fail", "poem_lost", "x", "-d", "0.1",
                             "--warmup", "0", "--json")
        told = json.loads(out)
        self.assertEqual((code, told["calls"]), (0, 0))
        self.assertGreater(told["errors"], 0)
        self.assertEqual(err, "oocrpc: poem_lost: x (the first of its thread)\n")

    def test_bench_without_a_server_is_69(self):
        code, out, err = run("bench", closed_port(), "demo.add", "-c", "2", "--threads", "2")
        self.assertEqual((code, out), (69, ""))
        self.assertRegex(err, r"\Aoocrpc: unavailable: .+\n\Z")

    def test_an_interrupted_bench_reports_what_it_measured(self):
        process = start("bench", self.url, "demo.add", "2", "3", "-d", "600", "--warmup", "0",
                        "--json")
        wait_until(lambda: caught(process.pid, signal.SIGINT))
        time.sleep(0.2)  # for something to report; less is no error
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, err), (130, "oocrpc: interrupted\n"))
        self.assertLess(json.loads(out)["seconds"], 600)

    def test_bench_refuses_what_makes_no_sense(self):
        for words in (["-c", "0"], ["-i", "x"], ["-d", "-1"], ["--threads", "0"]):
            self.assertIn(words[0], self.refused("bench", self.url, "demo.add", *words))

    def test_unix_sockets(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        path = directory.name + "/socket"
        other = server("oocrpc+unix://" + path)
        self.addCleanup(other.stop)
        self.check(["call", "oocrpc+unix://" + path, "demo.add", "1", "2"], out="3\n")


def caught(pid, number):
    """Whether a process has a handler for that signal."""
    with open(f"/proc/{pid}/status") as f:
        mask = re.search(r"SigCgt:\s*(\w+)", f.read())[1]
    return int(mask, 16) >> (number - 1) & 1


if __name__ == "__main__":
    del sys.argv[1:3]
    outcome = unittest.main(exit=False, verbosity=1).result
    failed = len(outcome.failures) + len(outcome.errors)
    print(f"{outcome.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
