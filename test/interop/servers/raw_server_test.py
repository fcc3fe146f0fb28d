#!/usr/bin/env python3
"""Our programs as clients of raw_server.py, for what MockupDB cannot do.

usage: raw_server_test.py OOCRPC [CASE...]
"""
import pathlib
import queue
import signal
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from cases import go_on_with  # noqa: E402

go_on_with("bson")

from bson import Int64  # noqa: E402

from program import PATIENCE, case, equal, program, run_cases  # noqa: E402
from raw_server import HELLO, OP_MSG, ZLIB, compressed, message, raw_server  # noqa: E402


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
def what_is_unacknowledged_is_sent_and_not_waited_for():
    text = '{"insert": "log", "documents": [{"a": 1}, {"a": 2}]}'
    seen = queue.Queue()
    with raw_server(lambda peer, request: seen.put(request)) as server:
        p = program("command", server.url, "shop", text, "--unacknowledged")
        request = seen.get(timeout=PATIENCE)
        equal((request.flags, request.document["insert"], request.document["$db"]),
              (2, "log", "shop"))
        equal(request.document["writeConcern"], {"w": 0})
        equal([d["a"] for d in request.document["documents"]], [1, 2])
        equal(p.ends(0)[0], "")


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
def of_a_chain_of_replies_the_last_counts():
    """Each has the number of the one before it in its responseTo."""
    def answer(peer, request):
        peer.send(message({"reply": 1, "ok": 1.0}, to=request.id, flags=2, number=50))
        peer.send(message({"reply": 2, "ok": 1.0}, to=50, flags=2, number=51))
        peer.send(message({"reply": 5, "ok": 1.0}, to=51))
    with raw_server(answer) as server:
        program("call", server.url, "demo.add", "2", "3").gives(5)


@case
def silence_ends_with_the_deadline():
    with raw_server(lambda peer, request: None) as server:
        program("call", server.url, "demo.add", "2", "3", "--timeout", "300ms").fails(
            124, "deadline_exceeded")


@case
def a_server_that_never_greets_ends_with_the_deadline():
    with raw_server(lambda peer, request: None, hello=None) as server:
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
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))  # and does not listen
        gone = "127.0.0.1:%d" % unheard.getsockname()[1]
        with raw_server(lambda p, r: p.send(message({"reply": 5, "ok": 1.0}, to=r.id))) as server:
            program("call", f"mongodb://{gone},{server.address}/", "demo.add", "2", "3",
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
        for option, name in (("nonsense=1", "nonsense"), ("appName=x&replicaSet=rs0", "replicaSet")):
            program("call", f"{server.url}/?{option}", "demo.add", "2", "3").fails(64, name)


if __name__ == "__main__":
    run_cases()
