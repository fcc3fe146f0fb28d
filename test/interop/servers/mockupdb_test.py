#!/usr/bin/env python3
"""Our programs as clients of MongoDB's own scripted server, MockupDB.

usage: mockupdb_test.py OOCRPC [CASE...]
"""
import contextlib
import json
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from cases import go_on_with  # noqa: E402

go_on_with("mockupdb")

import bson  # noqa: E402
from bson import Decimal128, Int64, Timestamp  # noqa: E402
from bson.son import SON  # noqa: E402
from mockupdb import Command, MockupDB, OpMsg  # noqa: E402

from program import PATIENCE, case, equal, program, run_cases, values  # noqa: E402
from raw_server import HELLO  # noqa: E402


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
    # A command may be 16 KiB larger than a document.
    for name, limit in (("maxBsonObjectSize", 1000), ("maxMessageSizeBytes", 17_000)):
        with mockup({**HELLO, name: limit}) as server:
            p = program("call", server.url, "demo.echo", "x" * 18_000)
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
def a_command_prints_the_documents_of_its_cursor():
    with mockup() as server:
        p = program("command", server.url, "shop", '{"find": "things", "batchSize": 1}')
        request = received(server, "shop")
        equal(plain(request.doc), SON([("find", "things"), ("batchSize", 1)]))
        request.reply({"cursor": {"id": Int64(5), "ns": "shop.things", "firstBatch": [{"x": 1}]}})
        more = received(server, "shop")
        equal((more.doc["getMore"], more.doc["collection"]), (5, "things"))
        more.reply({"cursor": {"id": Int64(0), "ns": "shop.things", "nextBatch": [{"x": 2}]}})
        p.gives({"x": 1}, {"x": 2})


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


if __name__ == "__main__":
    run_cases()
