#!/usr/bin/env python3
"""pymongo as a client of `oocrpcd demo`, for interop_test.py, which says how they talk.

usage: pymongo_client.py [CASE...]: those cases, without a word all
       pymongo_client.py --hang: makes one call that does not end, to be killed in
"""
import collections
import contextlib
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import bson
import pymongo
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from bson.son import SON
from pymongo import errors, monitoring
from pymongo.command_cursor import CommandCursor
from pymongo.cursor import CursorType

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from cases import cases, skip  # noqa: E402

URL = os.environ["OOCRPC_URL"]
FOREVER = 600_000  # milliseconds
BIG = 16_000_000   # bytes
known = {}         # all cases by name


def case(function):
    known[function.__name__] = function
    return function


def equal(got, expected):
    assert got == expected, f"got {got!r:.300}, expected {expected!r:.300}"


def until(true, seconds=20):
    """Polls until true() holds."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "this did not happen in time"
        time.sleep(0.005)


@contextlib.contextmanager
def raises(kind, code=None):
    """The block raises that; its error stands in the list that this gives."""
    caught = []
    try:
        yield caught
    except kind as e:
        caught.append(e)
        assert code is None or e.code == code, f"code {e.code}, not {code}: {e}"
    else:
        raise AssertionError(f"no {kind.__name__}")


def connected(url=URL, **options):
    return pymongo.MongoClient(url, serverSelectionTimeoutMS=20_000, **options)


def stats():
    return observer.demo.command("stats")["reply"]


def in_background(function, *arguments):
    """Starts it; what this gives waits for its end and raises what it raised."""
    failure = []

    def body():
        try:
            function(*arguments)
        except BaseException as e:
            failure.append(e)

    thread = threading.Thread(target=body, daemon=True)
    thread.start()

    def join():
        thread.join(60)
        assert not thread.is_alive(), "a thread does not end"
        if failure:
            raise failure[0]
    return join


class commands(monitoring.CommandListener):
    """The names of the commands that a client sent."""

    def __init__(self):
        self.names = []

    def started(self, event):
        self.names.append(event.command_name)

    def succeeded(self, event):
        pass

    failed = succeeded


class relay:
    """A port before the server. Counts the messages by (direction, opcode, compressor)."""

    def __init__(self):
        self.counts = collections.Counter()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "mongodb://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection(pymongo.uri_parser.parse_uri(URL)["nodelist"][0])
            for a, b, direction in ((near, far, "request"), (far, near, "reply")):
                threading.Thread(target=self.forward, args=(a, b, direction), daemon=True).start()

    def forward(self, source, target, direction):
        stream = source.makefile("rb")
        while len(head := stream.read(16)) == 16:
            body = stream.read(struct.unpack_from("<i", head)[0] - 16)
            opcode = struct.unpack_from("<i", head, 12)[0]
            self.counts[direction, opcode, body[8] if opcode == 2012 else None] += 1
            target.sendall(head + body)
        target.shutdown(socket.SHUT_WR)


# Connecting


@case
def connect_and_close():
    until(lambda: stats()["in_flight"] == 1)
    before = stats()["connections"]
    client = connected()
    equal(client.admin.command("ping"), {"ok": 1.0})
    equal(client.demo.command("add", [2, 3])["reply"], 5)
    assert client.server_info()["ok"] == 1
    assert stats()["connections"] > before
    client.close()
    until(lambda: stats()["connections"] <= before)


@case
def reconnect_after_restart():
    client = connected()
    equal(client.demo.command("add", [2, 3])["reply"], 5)
    print("RESTART", flush=True)
    equal(sys.stdin.readline().strip(), "READY")

    def answered():
        try:
            return client.demo.command("add", [4, 5])["reply"] == 9
        except errors.AutoReconnect:
            return False
    until(answered)
    client.close()


@case
def compression():
    """A relay sees that both directions are compressed, and by what."""
    numbers = {"zlib": 2, "snappy": 1, "zstd": 3}
    here = [name for name in numbers
            if getattr(pymongo.compression_support, f"_HAVE_{name.upper()}")]
    for name in here:
        seen = relay()
        client = connected(seen.url, compressors=name)
        text = f"压缩 {name} " * 20_000
        equal(client.demo.command("echo", [text])["reply"], text)
        equal(client.demo.command("add", [2, 3])["reply"], 5)
        with raises(errors.OperationFailure, 59):
            client.demo.command("no_such")
        client.close()
        for direction in ("request", "reply"):
            assert seen.counts[direction, 2012, numbers[name]] >= 3, (name, seen.counts)
    if len(here) < len(numbers):
        raise skip(f"this pymongo has only {', '.join(here)}")


# Calls


@case
def call_positional():
    equal(demo.command("add", [2, 3]), {"reply": 5, "ok": 1.0})
    equal(demo.command("add", [2**40, 3])["reply"], 2**40 + 3)
    equal(demo.command("add", [2.5, 3])["reply"], 5.5)


@case
def call_named_document():
    equal(demo.command("add", {"b": 3, "a": 2}), {"reply": 5, "ok": 1.0})
    equal(demo.command("echo", {"value": {"a": 1}})["reply"], {"a": 1})


@case
def call_named_keys():
    for value in (1, 1.0, True, None):
        equal(demo.command("add", value, a=2, b=3), {"reply": 5, "ok": 1.0})
    generic = {"comment": "none of its arguments", "maxTimeMS": 60_000}
    equal(demo.command("add", 1, a=2, b=3, **generic)["reply"], 5)


@case
def call_without_arguments():
    equal(demo.command("noreply"), {"reply": None, "ok": 1.0})
    who = demo.command("whoami")["reply"]
    equal((who["protocol"], who["user"]), ("mongodb", ""))


def element(kind, name, data):
    return bytes([kind]) + name.encode() + b"\0" + data


def document(*elements):
    body = b"".join(elements) + b"\0"
    return struct.pack("<i", len(body) + 4) + body


def text(s):
    data = s.encode() + b"\0"
    return struct.pack("<i", len(data)) + data


def with_length(data):
    return struct.pack("<i", len(data) + 4) + data


INNER = document(element(0x10, "x", struct.pack("<i", 1)), element(0x0A, "n", b""))
EVERY_TYPE = [
    (0x01, struct.pack("<d", 3.25)), (0x01, struct.pack("<d", -0.0)),
    (0x01, bytes.fromhex("010000000000f87f")),  # a NaN with a payload
    (0x02, text("床前明月光")), (0x02, text("")), (0x02, text("a\0b")),
    (0x03, INNER), (0x03, document()),
    (0x04, document(element(0x10, "0", struct.pack("<i", 1)), element(0x02, "1", text("二")))),
    (0x05, struct.pack("<iB", 3, 0) + b"\0\1\2"), (0x05, struct.pack("<iB", 2, 0x80) + b"\xff\0"),
    (0x05, struct.pack("<iBi", 7, 2, 3) + b"old"), (0x05, struct.pack("<iB", 16, 4) + bytes(16)),
    (0x06, b""), (0x07, bytes(range(12))), (0x08, b"\0"), (0x08, b"\1"),
    (0x09, struct.pack("<q", -62135596800001)), (0x0A, b""), (0x0B, b"^a/b\0im\0"),
    (0x0C, text("db.coll") + bytes(range(12))), (0x0D, text("return 1;")), (0x0E, text("symbol")),
    (0x0F, with_length(text("return x;") + INNER)),
    (0x10, struct.pack("<i", -2**31)), (0x11, struct.pack("<II", 7, 2**32 - 1)),
    (0x12, struct.pack("<q", 1)), (0x12, struct.pack("<q", -2**63)),
    (0x13, bytes.fromhex("01000000000000000000000000003e30")), (0xFF, b""), (0x7F, b""),
]


@case
def echo_every_type():
    """Alone, all in a document, and all in an array; the whole reply is compared."""
    equal(len({kind for kind, _ in EVERY_TYPE}), 21)
    raw = CodecOptions(document_class=RawBSONDocument)
    everything = [element(kind, f"键{i}", data) for i, (kind, data) in enumerate(EVERY_TYPE)]
    listed = [element(kind, str(i), data) for i, (kind, data) in enumerate(EVERY_TYPE)]
    ok = element(0x01, "ok", struct.pack("<d", 1))
    for kind, data in [*EVERY_TYPE, (0x03, document(*everything)), (0x04, document(*listed))]:
        arguments = RawBSONDocument(document(element(kind, "value", data)))
        got = demo.command("echo", arguments, codec_options=raw).raw
        expected = document(element(kind, "reply", data), ok)
        assert got == expected, f"type {kind:#x}: got {got.hex():.400}, not {expected.hex():.400}"


@case
def big_argument_and_reply():
    data = bytes(range(256)) * (BIG // 256)
    equal(len(data), BIG)
    assert demo.command("echo", [data])["reply"] == data, "another value came back"
    letters = demo.command("big", [BIG])["reply"]
    assert letters == "x" * BIG, f"{len(letters)} letters"
    with raises(errors.OperationFailure, 10334):
        demo.command("big", [2**24 + 1])
    equal(demo.command("add", [2, 3])["reply"], 5)


@case
def hundred_concurrent():
    """In turn they would take 20 seconds, and each must get its own answer."""
    start = time.monotonic()

    def body(i):
        equal(demo.command("sleep_ms", [200])["reply"], 200)
        for n in range(5):
            equal(demo.command("add", [1000 * i, n])["reply"], 1000 * i + n)
    for join in [in_background(body, i) for i in range(100)]:
        join()
    assert time.monotonic() - start < 10, "they ran in turn"


# Errors, deadlines, cancelling


@case
def error_with_code_and_chinese_text():
    said = {"message": "诗词不存在", "detail": "找不到《静夜思》"}
    with raises(errors.OperationFailure, 8000) as caught:
        demo.command("fail", said)
    equal(caught[0].details,
          {"ok": 0.0, "errmsg": said["detail"], "code": 8000,
           "codeName": "OocrpcApplicationError", "oocrpc": said})
    with raises(errors.OperationFailure, 8000):
        demo.fail.find_one(said)
    with raises(errors.OperationFailure, 13):
        demo.command("fail", ["permission_denied"])
    with raises(errors.OperationFailure, 462) as caught:
        demo.command("fail", ["overloaded"])
    assert all(map(caught[0].has_error_label, ("SystemOverloadedError", "RetryableError")))
    with raises(errors.OperationFailure, 8000) as caught:  # 43 says what is not so here
        demo.command("fail", ["cursor_not_found"])
    equal(caught[0].details["oocrpc"]["message"], "cursor_not_found")


@case
def unknown_method():
    with raises(errors.OperationFailure, 59) as caught:
        demo.command("subtract", [2, 3])
    equal(caught[0].details["codeName"], "CommandNotFound")
    assert "subtract" in caught[0].details["errmsg"], caught[0]
    for name in ("Add", "ADD"):  # only built-in names match without regard to case
        with raises(errors.OperationFailure, 59):
            demo.command(name, [2, 3])
    with raises(errors.OperationFailure, 59):
        demo.subtract.find_one()
    equal(demo.command("add", [2, 3])["reply"], 5)


@case
def wrong_argument():
    why = "a: expected int or double, got string"
    wrong = {"a": "二", "b": 3}
    for refused in (lambda: demo.command("add", ["二", 3]), lambda: demo.command("add", 1, **wrong),
                    lambda: demo.add.find_one(wrong)):
        with raises(errors.OperationFailure, 9) as caught:
            refused()
        equal((caught[0].details["errmsg"], caught[0].details["codeName"]), (why, "FailedToParse"))
    for surplus in ([1, 2, 3], [1], {"a": 1, "b": 2, "c": 3}):
        with raises(errors.OperationFailure, 9):
            demo.command("add", surplus)


@case
def deadline():
    before, start = stats()["cancelled"], time.monotonic()
    with raises(errors.ExecutionTimeout, 50) as caught:
        demo.command("sleep_ms", [FOREVER], maxTimeMS=100)
    equal(caught[0].details["codeName"], "MaxTimeMSExpired")
    with raises(errors.ExecutionTimeout, 50):
        list(demo.sleep_ms.find({"ms": FOREVER}).max_time_ms(100))
    took = time.monotonic() - start
    assert 0.2 <= took < 20, took
    until(lambda: stats()["cancelled"] >= before + 2)
    equal(demo.command("sleep_ms", [1], maxTimeMS=60_000)["reply"], 1)


@case
def cancel_by_closing():
    """By a timeout of the socket, and by a process that is killed."""
    before = stats()
    client = connected(socketTimeoutMS=200)
    with raises(errors.NetworkTimeout):
        client.demo.command("sleep_ms", [FOREVER])
    until(lambda: stats()["cancelled"] == before["cancelled"] + 1)
    client.close()
    process = subprocess.Popen([sys.executable, __file__, "--hang"])
    until(lambda: stats()["in_flight"] == 2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: stats()["cancelled"] == before["cancelled"] + 2)
    until(lambda: stats()["in_flight"] == 1)


@case
def current_op_and_kill_op():
    def killed():
        with raises(errors.OperationFailure, 11601) as caught:
            demo.command("sleep_ms", [FOREVER])
        equal(caught[0].details["codeName"], "Interrupted")
    join = in_background(killed)
    found = []

    def listed():
        found[:] = [op for op in observer.admin.command("currentOp")["inprog"]
                    if "sleep_ms" in str(op)]
        return found
    until(listed)
    equal(len(found), 1)
    equal(observer.admin.command("killOp", op=found[0]["opid"])["ok"], 1.0)
    join()
    until(lambda: stats()["in_flight"] == 1)
    assert not any("sleep_ms" in str(op)
                   for op in observer.admin.command("currentOp")["inprog"])


# Cursors


@case
def find_one():
    equal(demo.add.find_one({"a": 2, "b": 3}), {"reply": 5})
    equal(demo.echo.find_one({"value": SON(y=1, x=2)}), {"y": 1, "x": 2})
    equal(demo.echo.find_one({"value": [{"x": 1}, {"x": 2}]}), {"x": 1})
    equal(demo.count.find_one({"n": 1_000_000}), {"reply": 0})
    equal(demo.count.find_one({"n": 0}), None)
    until(lambda: stats()["in_flight"] == 1)


@case
def find_batches():
    sent = commands()
    client = connected(event_listeners=[sent])
    equal([d["reply"] for d in client.demo.count.find({"n": 10}, batch_size=3)], [*range(10)])
    equal(sent.names[0], "find")
    assert sent.names.count("getMore") >= 3, sent.names
    sent.names.clear()
    equal([d["reply"] for d in client.demo.count.find({"n": 1000})], [*range(1000)])
    assert "getMore" in sent.names, sent.names
    values = [{"x": i} for i in range(7)]
    equal(list(client.demo.echo.find({"value": values}, batch_size=2)), values)
    slow = [d["reply"] for d in client.demo.count_slow.find({"n": 5, "ms": 30})]
    equal(slow, [*range(5)])
    client.close()


@case
def find_limit():
    equal([d["reply"] for d in demo.count.find({"n": 1000}).limit(5)], [*range(5)])
    equal([d["reply"] for d in demo.count.find({"n": 1000}).limit(5).batch_size(2)], [*range(5)])
    equal([d["reply"] for d in demo.count.find({"n": 1000}).skip(3).limit(2)], [3, 4])
    equal([d["reply"] for d in demo.count.find({"n": 1000}).limit(-4)], [*range(4)])
    until(lambda: stats()["in_flight"] == 1)


@case
def early_cursor_close():
    before = stats()["cancelled"]
    cursor = demo.count.find({"n": 1_000_000_000}, batch_size=2)
    equal([next(cursor)["reply"] for _ in range(3)], [0, 1, 2])
    assert cursor.alive and cursor.cursor_id
    cursor.close()
    until(lambda: stats()["cancelled"] == before + 1 and stats()["in_flight"] == 1)
    gone = CommandCursor(demo["count"], {"id": bson.Int64(4711), "firstBatch": []}, None)
    with raises(errors.CursorNotFound, 43):
        next(gone)


@case
def aggregate_match():
    equal(list(demo.add.aggregate([{"$match": {"a": 2, "b": 3}}])), [{"reply": 5}])
    found = demo.count.aggregate([{"$match": {"n": 300}}], batchSize=50)
    equal([d["reply"] for d in found], [*range(300)])
    equal(len(list(demo.whoami.aggregate([]))), 1)


@case
def aggregate_other_stage_refused():
    for stages in ([{"$group": {"_id": 1}}], [{"$match": {"a": 2, "b": 3}}, {"$group": {}}]):
        with raises(errors.OperationFailure) as caught:
            demo.add.aggregate(stages)
        assert caught[0].code and "$group" in caught[0].details["errmsg"], caught[0].details


@case
def run_cursor_command():
    """pymongo has no such call, but a cursor can be made of a command's reply."""
    reply = demo.command("count", {"n": 250})
    equal(set(reply), {"cursor", "ok"})
    collection = demo[reply["cursor"]["ns"].split(".", 1)[1]]
    equal([d["reply"] for d in CommandCursor(collection, reply["cursor"], None)], [*range(250)])


@case
def exhaust_cursor():
    """An old OP_QUERY that asks for all replies without asking again."""
    for n in (0, 7, 1000):
        found = demo.count.find({"n": n}, cursor_type=CursorType.EXHAUST)
        equal([d["reply"] for d in found], [*range(n)])
    with raises(errors.OperationFailure, 9):
        list(demo.add.find({"a": "x", "b": 1}, cursor_type=CursorType.EXHAUST))
    equal(demo.command("add", [2, 3])["reply"], 5)


@case
def old_rpc_mapping():
    call = {"funcname": "demo.add", "argstr": [[2, 3], {}]}
    named = {"funcname": "demo.add", "argstr": [[], {"a": 2, "b": 3}]}
    failing = {"funcname": "demo.fail", "argstr": [["没有", "诗"], {}]}
    rpc = observer.backend.rpc
    for function in (rpc.find_one, lambda q: list(rpc.find(q, cursor_type=CursorType.EXHAUST))[0]):
        equal(function(call), {"$result": 5})
        equal(function(named), {"$result": 5})
        equal(function(failing), {"$error": {"message": "没有", "detail": "诗"}})


@case
def list_databases_and_collections():
    assert "demo" in observer.list_database_names(), observer.list_database_names()
    names = demo.list_collection_names()
    assert {"add", "echo", "count_slow"} <= set(names), names
    equal(demo.list_collection_names(filter={"name": "add"}), ["add"])


# Writes


@case
def insert_acknowledged():
    before = stats()["finished"]
    done = demo.add.insert_one({"a": 2, "b": 3})
    assert done.acknowledged
    equal(len(demo.add.insert_many([{"a": i, "b": 3} for i in range(20)]).inserted_ids), 20)
    assert stats()["finished"] >= before + 21
    equal(demo.command("insert", "add", documents=[{"a": 1, "b": 2}]), {"n": 1, "ok": 1.0})


@case
def insert_unacknowledged():
    """On one connection: were one of them answered, all later answers would be wrong."""
    client = connected(maxPoolSize=1, w=0)
    calls = client.get_database("demo", write_concern=pymongo.WriteConcern(1))
    before = stats()["finished"]
    for i in range(20):
        client.demo.add.insert_one({"a": i, "b": 3})
        client.demo.add.insert_one({"a": "wrong"})
        client.demo.no_such.insert_one({"a": i})
        client.demo.add.insert_many([{"a": i, "b": 3}, {"a": i, "b": 4}])
        equal(calls.command("add", [1000, i])["reply"], 1000 + i)
    until(lambda: stats()["finished"] >= before + 80)
    client.close()


@case
def write_errors():
    documents = [{"a": 1, "b": 2}, {"a": "x", "b": 2}, {"a": 3, "b": 4}]
    for ordered, done in ((True, 1), (False, 2)):
        with raises(errors.BulkWriteError) as caught:
            demo.add.insert_many([dict(d) for d in documents], ordered=ordered)
        [error] = caught[0].details["writeErrors"]
        equal((caught[0].details["nInserted"], error["index"], error["code"]), (done, 1, 9))
        equal(error["errmsg"], "a: expected int or double, got string")
    with raises(errors.WriteError, 8000):
        demo.fail.insert_one({"message": "没有"})


if __name__ == "__main__":
    observer = connected()
    demo = observer.demo
    wanted = sys.argv[1:]
    if wanted == ["--hang"]:
        demo.command("sleep_ms", [FOREVER])
    run = cases()
    for name in wanted or known:
        run.run(name, known[name])
    run.end()
