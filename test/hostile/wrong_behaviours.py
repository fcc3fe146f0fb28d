"""Hostile behaviours of peers that lie about lengths, answer nobody, or speak something else."""
import os
import struct

from behaviours import (FLOOD, CALL, IN_FLIGHT, MIB, QUEUED, READ, again, hostile, over_and_over,
                        until_closed)
from crowd import FOREVER, half_close, receive, reset, send, wait
from wire import INT_MAX, deep, frame, mongo, native, raw, tiny


@hostile(32, READ, must={"closed": 1})
def huge_length(f, peer):
    yield from until_closed(f.claim((f.largest + 1, INT_MAX)[peer.number % 2]) + bytes(4096))


@hostile(32, READ, must={"closed": 1})
def length_that_is_none(f, peer):
    lengths = (0, -1, 1, 4, 15, -INT_MAX - 1, -16)
    yield from until_closed(f.claim(lengths[peer.number % len(lengths)]) + bytes(64))


@hostile(8, 2 * 16 * MIB + READ, heavy=True)
def largest_message_without_end(f, peer):
    yield send(f.claim(16 * MIB - 64) + b"x" * 12 * MIB)
    yield wait(FOREVER)


@hostile(32, READ, must={"closed": 1})
def negative_lengths_inside(f, peer):
    lies = [raw(kind, struct.pack("<i", n) + bytes(16)) for kind in (2, 3, 4, 5, 13, 14, 15)
            for n in (-1, -INT_MAX - 1, 0, 1, INT_MAX, 1 << 20)]
    yield from until_closed(f.calling_with(lies[peer.number % len(lies)]))


@hostile(32, READ, must={"closed": 1})
def unterminated_cstring(f, peer):
    yield from until_closed(f.calling_with(raw(0x0B, b"x" * 4096))[:-3] + b"xxx")


@hostile(32, READ, must={"closed": 1})
def deep_bson(f, peer):
    levels = (101, 1000, 50_000)[peer.number % 3]
    yield from until_closed(f.calling_with(raw(0x03, deep(levels))))


@hostile(2, 6 * 16 * MIB, heavy=True)
def a_million_tiny_documents(f, peer):
    yield send(f.calling_with(tiny(1_000_000)))
    while True:
        if not (yield receive()):
            return




# What nobody asked for.

@hostile(16, READ, must=FLOOD)
def replies_nobody_asked_for(f, peer):
    yield from again(f, f.answer)


@hostile(16, READ + QUEUED, framings=(native,), must=FLOOD)
def calls_without_id_and_answers(f, peer):
    yield from over_and_over(f.call("demo.add_suspending", 1, 2) + frame({"reply": 1}) +
                             frame({"error": {"message": "x", "detail": "y"}}))


@hostile(32, READ + CALL, framings=(native,), must={"closed": 1})
def duplicate_ids(f, peer):
    yield from until_closed(f.call("demo.sleep_ms", 600_000, id=7) * 2)


@hostile(16, READ + IN_FLIGHT + QUEUED, framings=(mongo,), must=FLOOD)
def duplicate_request_ids(f, peer):
    yield from over_and_over(f.call("demo.add_suspending", 1, 2, id=7))


@hostile(8, READ + QUEUED, framings=(native,), must=FLOOD)
def expired_calls(f, peer):
    yield from again(f, lambda i: f.call("demo.sleep_ms", 600_000, id=i,
                                      timeout_ms=raw(0x12, struct.pack("<q", i % 2))))




# Other protocols, and none.

@hostile(32, READ, framings=(native,), must={"closed": 1})
def http_request(f, peer):
    yield from until_closed(b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl\r\n\r\n")


@hostile(32, READ, framings=(native,), must={"closed": 1})
def wrong_protocol(f, peer):
    first = (b"SSH-2.0-OpenSSH_9.2\r\n",
             b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
             b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n", os.urandom(64), b"EHLO x\r\n" * 4)
    yield from until_closed(first[peer.number % len(first)])


@hostile(32, READ, must={"closed": 1})
def garbage_after_a_good_call(f, peer):
    yield from until_closed(f.call("demo.add", 1, 2, id=1) + b"\xff" * 4096)


@hostile(32, READ, must={"closed": 1})
def the_other_framing_after_a_good_call(f, peer):
    other = mongo if f is native else native
    yield from until_closed(f.call("demo.add", 1, 2, id=1) + other.call("demo.add", 1, 2, id=1))


@hostile(64, READ + CALL, must={"done": 1})
def half_close_in_mid_call(f, peer):
    yield send(f.call("demo.sleep_ms", 600_000, id=1))
    yield half_close()
    while (yield receive()):
        pass


@hostile(64, READ + CALL, must={"opened": 2, "sent": 1})
def reset_in_mid_frame(f, peer):
    yield send(f.call("demo.sleep_ms", 600_000, id=1) + f.call("demo.add", 1, 2, id=2)[:-5])
    yield reset()
