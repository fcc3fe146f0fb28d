#!/usr/bin/env python3
"""Our programs as clients of scripted servers: MongoDB's own MockupDB, and raw_server.py for what
that cannot say.

usage: mockupdb_test.py OOCRPC [CASE...]
"""
import contextlib
import json
import pathlib
import queue
import signal
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from cases import cases, go_on_with  # noqa: E402

go_on_with("mockupdb")

import bson  # noqa: E402
from bson import Decimal128, Int64, Timestamp  # noqa: E402
from bson.son import SON  # noqa: E402
from mockupdb import Command, MockupDB, OpMsg, OpMsgReply  # noqa: E402

from raw_server import HELLO, OP_MSG, ZLIB, compressed, message, raw_server  # noqa: E402

OOCRPC = sys.argv[1]
PATIENCE = 60  # seconds; only a case that fails waits so long
known = {}


def case(function):
    known[function.__name__] = function
    return function


def equal(got, expected):
    assert got == expected, f"got {got!r:.500}, expected {expected!r:.500}"


def values(text):
    """The JSON values of an output, however they are laid out."""
    decoder, found = json.JSONDecoder(), []
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


class program:
    """A running `oocrpc`."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([OOCRPC, *arguments], text=True, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)

    def ends(self, code):
        """What it wrote to stdout and stderr, once it ended with that exit code."""
        out, err = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == code, \
            f"exit code {self.process.returncode}, not {code}: {out!r} {err!r}"
        assert code == 0 or (err.startswith("oocrpc: ") and err.count("\n") == 1), err
        return out, err

    def gives(self, *expected):
        equal(values(self.ends(0)[0]), list(expected))

    def fails(self, code, *words):
        """It ends with that code, nothing on stdout, and all those words on stderr."""
        out, err = self.ends(code)
        equal(out, "")
        for word in words:
            assert word in err, f"no {word!r} in {err!r}"


@contextlib.contextmanager
def mockup(hello=HELLO):
    """A MockupDB, which greets by itself unless that is None."""
    server = MockupDB(request_timeout=PATIENCE)
    if hello is not None:
        server.autoresponds("hello", hello)
    server.run()
    server.url = f"mongodb://{server.host}:{server.port}"
    try:
        yield server
    finally:
        threading.Thread(target=server.stop).start()  # which waits a second


def received(server, database=None, kind=OpMsg):
    """The next request, which must be one of those."""
    request = server.receives()
    equal(type(request), kind)
    assert database in (None, request.namespace), request
    return request


def plain(document):
    """Without the keys that every call may have: $db, maxTimeMS."""
    return SON((k, v) for k, v in document.items() if k not in ("$db", "maxTimeMS"))


def answered(reply, *arguments):
    """A call of demo.add that got that reply."""
    with mockup() as server:
        p = program("call", server.url, "demo.add", *arguments)
        received(server, "demo").reply(reply)
        return p, p.process.wait(PATIENCE)


# The handshake


@case
def hello_comes_first_and_says_who_we_are():
    with mockup(hello=None) as server:
        p = program("call", server.url, "demo.add", "2", "3")
        hello = received(server, "admin")
        equal(hello.command_name, "hello")
        equal(hello.flags, 0)
        client = hello.doc["client"]
        equal(client["driver"]["name"], "oocrpc")
        assert client["driver"]["version"] and client["os"]["type"], client
        assert len(bson.encode(client)) < 512, len(bson.encode(client))
        assert set(hello.doc.get("compression", [])) <= {"zlib", "snappy", "zstd"}
        assert "lsid" not in hello.doc
        hello.reply(HELLO)
        received(server, "demo").reply(reply=5)
        p.gives(5)


@case
def hello_that_is_refused_is_followed_by_is_master():
    with mockup(hello=None) as server:
        p = program("call", server.url, "demo.add", "2", "3")
        received(server, "admin").command_err(59, "no such cmd: hello")
        old = received(server, "admin", Command)  # an OP_QUERY
        equal(old.command_name.lower(), "ismaster")
        assert "client" in old.doc, old
        old.reply({**HELLO, "ismaster": True})
        received(server, "demo").reply(reply=5)
        p.gives(5)


@case
def a_server_that_is_too_old_or_too_new_is_refused():
    for least, most in ((0, 2), (1000, 1001)):
        with mockup({**HELLO, "minWireVersion": least, "maxWireVersion": most}) as server:
            p = program("call", server.url, "demo.add", "2", "3", "--timeout", "5s")
            p.fails(76, "wire version")
            assert not server.got(timeout=0)


@case
def a_hello_without_ok_ends_the_call():
    with mockup(hello=None) as server:
        p = program("call", server.url, "demo.add", "2", "3", "--timeout", "5s")
        received(server).command_err(13, "not for you")
        received(server, "admin", Command).command_err(13, "not for you")
        out, err = p.process.communicate(timeout=PATIENCE)
        equal(out, "")
        assert p.process.returncode in (1, 69, 76) and "not for you" in err, (p.process.returncode, err)


# Requests


@case
def a_call_is_a_command_of_the_service():
    for words, expected in (
            (["demo.add", "2", "3"], SON(add=[2, 3])),
            (["demo.add", "--named", '{"b": 3, "a": 2}'], SON(add=SON([("b", 3), ("a", 2)]))),
            (["demo.noreply"], SON(noreply=1)),
            (["demo.a.b", "1"], SON([("a.b", [1])]))):
        with mockup() as server:
            p = program("call", server.url, *words)
            request = received(server, "demo")
            equal(plain(request.doc), expected)
            equal(request.flags, 0)
            equal(list(request.doc)[0], list(expected)[0])
            request.reply(reply=5)
            p.gives(5)


@case
def a_method_without_service_is_in_the_database_of_the_url():
    for path, database in (("/poetry", "poetry"), ("/", "admin"), ("", "admin")):
        with mockup() as server:
            p = program("call", server.url + path, "add", "2", "3")
            received(server, database).reply(reply=5)
            p.gives(5)


@case
def a_command_keeps_the_order_of_its_keys():
    text = '{"zeta": 1, "alpha": {"y": 1, "b": 2}, "mid": [1, {"q": 1, "a": 2}], "beta": true}'
    with mockup() as server:
        p = program("command", server.url, "shop", text)
        request = received(server, "shop")
        equal(json.dumps(plain(request.doc)), text)
        request.reply(SON([("z", 1), ("a", 2), ("ok", 1.0)]))
        [reply] = values(p.ends(0)[0])
        equal([*reply.items()], [("z", 1), ("a", 2), ("ok", 1)])


@case
def arguments_keep_their_types():
    with mockup() as server:
        p = program("call", server.url, "demo.echo", '{"$numberLong": "1"}', "1.0",
                    '{"$numberDecimal": "1.5"}', '{"$oid": "000102030405060708090a0b"}')
        request = received(server, "demo")
        equal(request.doc["echo"], [1, 1.0, Decimal128("1.5"),
                                    bson.ObjectId("000102030405060708090a0b")])
        equal([type(x) for x in request.doc["echo"]][:2], [Int64, float])
        request.reply(reply=None)
        p.gives(None)


@case
def max_time_ms_is_what_is_left_of_the_deadline():
    with mockup() as server:
        p = program("call", server.url, "demo.add", "2", "3", "--timeout", "30s")
        request = received(server, "demo")
        assert 15_000 < request.doc["maxTimeMS"] <= 30_000, request.doc
        request.reply(reply=5)
        p.gives(5)


@case
def limits_of_the_server_are_kept():
    for name in ("maxBsonObjectSize", "maxMessageSizeBytes"):
        with mockup({**HELLO, name: 1000}) as server:
            p = program("call", server.url, "demo.echo", "x" * 1200)
            p.fails(1, "message_too_large")
            assert not server.got(timeout=0)


# Replies


@case
def ok_may_have_any_type_of_number():
    for ok in (1, 1.0, Int64(1), True):
        p, _ = answered({"reply": 5, "ok": ok}, "2", "3")
        p.gives(5)
    for ok in (0, 0.0, Int64(0), False):
        p, _ = answered({"ok": ok, "code": 13, "errmsg": "not for you"}, "2", "3")
        p.fails(1, "not for you")


@case
def a_reply_without_our_key_is_the_result_itself():
    clock = {"clusterTime": Timestamp(1, 1), "signature": {"hash": b"x", "keyId": Int64(0)}}
    p, _ = answered(SON([("total", 3), ("names", ["a"]), ("ok", 1.0), ("$clusterTime", clock),
                         ("operationTime", Timestamp(1, 1))]))
    p.gives({"total": 3, "names": ["a"]})
    p, _ = answered({"ok": 1})
    p.gives({})


@case
def keys_that_we_do_not_know_do_not_matter():
    p, _ = answered(SON([("$gleStats", {}), ("reply", 5), ("electionId", bson.ObjectId()),
                         ("ok", 1.0), ("operationTime", Timestamp(1, 1))]))
    p.gives(5)


@case
def an_error_keeps_what_the_server_said():
    said = {"message": "没有", "detail": "找不到"}
    p, _ = answered({"ok": 0.0, "errmsg": "找不到", "code": 8000, "oocrpc": said})
    p.fails(1, "oocrpc: 没有: 找不到\n")
    p, _ = answered({"ok": 0.0, "errmsg": "not for you", "code": 13, "codeName": "Unauthorized"})
    p.fails(1, "not for you")
    p, _ = answered({"ok": 0.0, "errmsg": "Plan executor", "code": 4242, "codeName": "Location4242",
                     "errorLabels": ["RetryableError"], "more": {"x": 1}})
    p.fails(1, "Plan executor")
    p, _ = answered({"ok": 0.0, "errmsg": "too slow", "code": 50, "codeName": "MaxTimeMSExpired"})
    p.fails(124, "too slow")
    p, _ = answered({"ok": 0.0, "errmsg": "no such command: 'add'", "code": 59})
    p.fails(1, "no_such_method", "no such command")


@case
def an_error_may_lack_its_code_and_even_its_text():
    p, _ = answered({"ok": 0.0, "errmsg": "something broke"})
    p.fails(1, "something broke")
    p, _ = answered({"ok": 0.0})
    p.fails(1)
    p, _ = answered({"ok": 0.0, "errmsg": 5, "code": "x"})
    p.fails(1)


@case
def a_reply_with_more_to_come_is_no_reply_by_itself():
    """Not asked for: what follows belongs to nobody, and the next call gets its own answer."""
    with mockup() as server:
        p = program("call", server.url, "demo.add", "2", "3", "--timeout", "3s")
        request = received(server, "demo")
        request.reply(OpMsgReply({"reply": 5, "ok": 1.0}, flags=2))
        code = p.process.wait(PATIENCE)
        assert code in (0, 76), (code, p.process.stderr.read())


# Cursors


def first_batch(request, number, *documents):
    request.reply({"cursor": {"id": number, "ns": "demo.$cmd.count",
                              "firstBatch": [*documents]}, "ok": 1.0})


@case
def a_cursor_is_followed_to_its_end():
    for number in (Int64(2**62 + 1), 77, 77.0):
        with mockup() as server:
            p = program("call", server.url, "demo.count", "5")
            first_batch(received(server, "demo"), number, {"x": 0}, {"x": 1})
            for i in (2, 3):
                more = received(server, "demo")
                equal(more.command_name, "getMore")
                equal((more.doc["getMore"], type(more.doc["getMore"])), (int(number), Int64))
                equal(more.doc["collection"], "$cmd.count")
                batch = [{"x": i}] if i == 2 else []
                more.reply({"cursor": {"id": number if i == 2 else type(number)(0),
                                       "ns": "demo.$cmd.count", "nextBatch": batch}, "ok": 1.0})
            p.gives({"x": 0}, {"x": 1}, {"x": 2})


@case
def a_cursor_that_is_closed_already_asks_nothing_more():
    with mockup() as server:
        p = program("call", server.url, "demo.count", "5")
        first_batch(received(server, "demo"), 0, {"x": 0})
        p.gives({"x": 0})
        assert not server.got(timeout=0)


@case
def an_error_in_the_middle_of_a_cursor_ends_it():
    with mockup() as server:
        p = program("call", server.url, "demo.count", "5")
        first_batch(received(server, "demo"), Int64(77), {"x": 0})
        received(server).command_err(43, "cursor id 77 not found")
        out, err = p.ends(1)
        equal(values(out), [{"x": 0}])
        assert "cursor_not_found" in err and "77" in err, err


# What MockupDB cannot do


@case
def leaving_a_cursor_early_kills_it():
    """MockupDB reads no request of a program that has gone."""
    asked, killed = threading.Event(), queue.Queue()

    def answer(peer, request):
        name = next(iter(request.document))
        if name == "count":
            batch = {"id": Int64(77), "ns": "demo.$cmd.count", "firstBatch": [{"x": 0}]}
            peer.send(message({"cursor": batch, "ok": 1.0}, to=request.id))
        elif name == "getMore":
            asked.set()  # and never answered
        else:
            killed.put(request.document)
    with raw_server(answer) as server:
        p = program("call", server.url, "demo.count", "5")
        assert asked.wait(PATIENCE), "no getMore came"
        p.process.send_signal(signal.SIGINT)
        document = killed.get(timeout=PATIENCE)
        equal((document["killCursors"], document["$db"]), ("$cmd.count", "demo"))
        equal([(x, type(x)) for x in document["cursors"]], [(77, Int64)])
        p.process.communicate(timeout=PATIENCE)
        equal(p.process.returncode, 130)


@case
def a_reply_to_another_request_is_not_taken():
    def answer(peer, request):
        peer.send(message({"reply": 999, "ok": 1.0}, to=request.id + 1))
        peer.send(message({"reply": 5, "ok": 1.0}, to=request.id))
    with raw_server(answer) as server:
        p = program("call", server.url, "demo.add", "2", "3", "--timeout", "5s")
        out, err = p.process.communicate(timeout=PATIENCE)
        assert (p.process.returncode, out) in ((0, "5\n"), (76, "")), (p.process.returncode, out, err)


@case
def silence_ends_with_the_deadline():
    with raw_server(lambda peer, request: None) as server:
        program("call", server.url, "demo.add", "2", "3", "--timeout", "300ms").fails(
            124, "deadline_exceeded")


@case
def a_server_that_never_greets_ends_with_the_deadline():
    with mockup(hello=None) as server:
        program("call", server.url, "demo.add", "2", "3", "--timeout", "300ms").fails(124)


@case
def hanging_up_before_and_within_a_reply_is_unavailable():
    whole = message({"reply": "x" * 5000, "ok": 1.0}, to=0)
    for part in (b"", whole[:3], whole[:16], whole[:2000]):
        def answer(peer, request, part=part):
            head = part[:8] + request.id.to_bytes(4, "little") + part[12:]
            peer.send(part if len(part) < 16 else head)
            peer.hang_up()
        with raw_server(answer) as server:
            program("call", server.url, "demo.add", "2", "3").fails(69, "unavailable")


@case
def replies_arrive_byte_by_byte():
    def answer(peer, request):
        for byte in message({"reply": 5, "ok": 1.0}, to=request.id):
            peer.send(bytes([byte]))
    with raw_server(answer) as server:
        program("call", server.url, "demo.add", "2", "3").gives(5)


@case
def what_is_no_message_is_a_protocol_error():
    document = {"reply": 5, "ok": 1.0}
    good = message(document, to=1)
    wrong = {
        "a length below 16": b"\x0f" + good[1:],
        "a length beyond all limits": b"\xff\xff\xff\x7f" + good[4:],
        "an opcode that no server sends": message(document, to=1, opcode=2010),
        "a required flag that is not known": message(document, to=1, flags=4),
        "a kind of section that is not known": good[:20] + b"\x09" + good[21:],
        "a document that lies about its length": good[:21] + b"\xff" + good[22:],
    }
    for what, data in wrong.items():
        def answer(peer, request, data=data):
            peer.send(data[:8] + request.id.to_bytes(4, "little") + data[12:])
        with raw_server(answer) as server:
            try:
                program("call", server.url, "demo.add", "2", "3", "--timeout", "5s").fails(
                    76, "protocol_error")
            except AssertionError as e:
                raise AssertionError(f"{what}: {e}") from e


@case
def compression_is_used_where_both_want_it():
    seen = []

    def answer(peer, request):
        seen.append(request)
        reply = message({"reply": "y" * 3000, "ok": 1.0}, to=request.id)
        peer.send(compressed(reply) if request.compressor else reply)
    for offered in (["zlib"], ["none of ours"], None):
        hello = {**HELLO, **({"compression": offered} if offered else {})}
        with raw_server(answer, hello) as server:
            p = program("call", server.url + "/?compressors=zlib", "demo.echo", "x" * 3000)
            p.gives("y" * 3000)
            greeting, request = server.greetings[0], seen.pop()
            equal((greeting.opcode, greeting.compressor), (OP_MSG, None))
            equal(greeting.document["compression"], ["zlib"])
            equal(request.compressor, ZLIB if offered == ["zlib"] else None)
            equal(request.document["echo"], ["x" * 3000])


@case
def the_next_host_is_tried_where_one_does_not_answer():
    with raw_server(None) as gone:
        pass
    with raw_server(lambda p, r: p.send(message({"reply": 5, "ok": 1.0}, to=r.id))) as server:
        program("call", f"mongodb://{gone.address},{server.address}/", "demo.add", "2", "3",
                "--timeout", "20s").gives(5)


@case
def options_of_a_url_are_known_or_refused_by_name():
    def answer(peer, request):
        peer.send(message({"reply": 5, "ok": 1.0}, to=request.id))
    with raw_server(answer) as server:
        known_ones = "retryWrites=false&appName=poems&directConnection=true&connectTimeoutMS=5000"
        program("call", f"{server.url}/?{known_ones}", "demo.add", "2", "3").gives(5)
        greeting = server.greetings[-1].document["client"]
        equal(greeting["application"], {"name": "poems"})
        for option in ("nonsense=1", "replicaSet=rs0&nonsense=1"):
            program("call", f"{server.url}/?{option}", "demo.add", "2", "3").fails(64, "nonsense")


if __name__ == "__main__":
    run = cases()
    for name in sys.argv[2:] or known:
        run.run(name, known[name])
    run.end()
