"""The hostile behaviours. Each is a script for one connection of a crowd (crowd.py), with how many
there are and what the limits of the server allow them to cost.

`needs` names options of the server's without which a behaviour is not held in check, `must` what
has to be counted before it is there at all, `memory` the bytes that one connection may make
the server keep, `where` the server that it is for (served.py).
One that is `whole` is all of the attack, script(address, tally). `f` is the framing: wire.native or wire.mongo.
"""
import collections
import itertools
import os
import struct

from crowd import FOREVER, half_close, receive, reset, send, wait
from wire import INT_MAX, deep, document, encode, frame, header, mongo, native, raw, tiny

behaviour = collections.namedtuple(
    "behaviour", "name script framing count memory must needs reads where addresses whole")
ALL = []

KIB, MIB = 1 << 10, 1 << 20
IDLE = 8 * KIB  # a connection on which nothing happens
READ = 512 * KIB  # the read buffer of one that sends as fast as it can, doubled when it grows
QUEUED = 4 * MIB  # max_queued, answers that wait
CALL = 8 * KIB  # one call that is suspended, its coroutine and its place in the tables
FLOOD = {"sent": MIB}
IN_FLIGHT = 1024 * CALL  # max_in_flight of them


def hostile(count, memory, framings=(native, mongo), must={"sent": 1}, needs=(), reads=True,
            where="plain", addresses=64, whole=False):
    """Makes behaviours of script(f, peer), one for each framing."""
    def add(script):
        name = script.__name__.replace("_", "-")
        for f in framings:
            ALL.append(behaviour(name if len(framings) == 1 else f"{name}/{f.name}", script, f,
                                 count, memory, must, needs, reads, where, addresses, whole))
        return script
    return add


KEPT = {}  # by framing and script: making messages takes longer than sending them


def blobs(f, make):
    """Half a megabyte of messages made for 1, 2, 3, ..., in four parts."""
    key = f, make.__code__
    if key not in KEPT:
        at, KEPT[key] = 1, []
        for _ in range(4):
            part = bytearray()
            while len(part) < 1 << 17:
                part += make(at)
                at += 1
            KEPT[key].append(bytes(part))
    return KEPT[key]


def again(f, make):
    """All of them, again and again, as long as the peer takes it."""
    for part in itertools.cycle(blobs(f, make)):
        yield send(part)


def over_and_over(data):
    data *= max(1, (1 << 17) // len(data))
    while True:
        yield send(data)


def then_nothing(data):
    yield send(data)
    yield wait(FOREVER)


def drip(data, seconds=1):
    for i in range(len(data)):
        yield send(data[i:i + 1])
        yield wait(seconds)


def until_closed(data):
    """The peer has to close a connection that says this, and does so soon."""
    yield send(data)
    while (yield receive()):
        pass


# Too slow.

@hostile(200, IDLE, where="short", must={"closed": 1})
def slowloris_header(f, peer):
    yield from drip(f.call("demo.add", 1, 2)[:12])


@hostile(200, IDLE + READ // 64, where="short", must={"closed": 1})
def slowloris_body(f, peer):
    yield send(f.call("demo.add", 1, 2) + f.claim(64 * KIB))
    yield from drip(b"x" * 60 * KIB)


@hostile(200, IDLE)
def one_byte_a_second(f, peer):
    while True:
        yield from drip(f.call("demo.add", 1, 2))


@hostile(64, 2 * QUEUED + READ, reads=False, where="short", must={"closed": 1})
def never_reads(f, peer):
    yield from again(f, lambda i: f.call("demo.big", 60_000, id=i))


@hostile(9_900, IDLE, must={"opened": 9_800})  # which leaves room for the good ones
def ten_thousand_idle(f, peer):
    yield from then_nothing(f.call("demo.add", 1, 2, id=1))


@hostile(2000, IDLE, must={"closed": 1}, where="short", framings=(native,))
def silent(f, peer):
    yield wait(FOREVER)


@hostile(1000, IDLE, must={"closed": 1}, where="short")
def idle_after_a_call(f, peer):
    yield from then_nothing(f.call("demo.add", 1, 2, id=1))


# Too many.

@hostile(200, IDLE, framings=(native,), must={"opened": 1})
def connection_flood(f, peer):
    yield reset()


@hostile(400, IDLE, framings=(native,), must={"opened": 1}, addresses=1)
def connection_flood_from_one_address(f, peer):
    yield half_close()
    yield receive()


@hostile(16, READ + QUEUED, must=FLOOD)
def frame_flood(f, peer):
    yield from again(f, lambda i: f.call("demo.add", i, i, id=i))


@hostile(16, READ + QUEUED, must=FLOOD)
def suspending_flood(f, peer):
    yield from again(f, lambda i: f.call("demo.add_suspending", 1, 2, id=i))


@hostile(16, READ + QUEUED, must=FLOOD)
def ping_flood(f, peer):
    yield from again(f, f.ping)


@hostile(16, READ + IN_FLIGHT, must=FLOOD)
def oneway_flood(f, peer):
    yield from again(f, lambda i: f.oneway("demo.sleep_ms", 5, id=i))


@hostile(16, READ + QUEUED + IN_FLIGHT)
def sleepers(f, peer):
    yield send(b"".join(f.call("demo.sleep_ms", 600_000, id=i) for i in range(1, 1400)))
    yield wait(FOREVER)


@hostile(8, READ + QUEUED + IN_FLIGHT, must=FLOOD)
def rapid_reset(f, peer):
    yield from again(f, lambda i: f.call("demo.sleep_ms", 600_000, id=i) + f.cancel(i))


@hostile(8, READ + QUEUED, must=FLOOD)
def cancel_flood(f, peer):
    yield send(f.call("demo.sleep_ms", 600_000, id=1))
    yield from again(f, lambda i: f.cancel(i + 2))


@hostile(8, READ, framings=(native,), must=FLOOD)
def goaway_flood(f, peer):
    yield from over_and_over(f.info(goaway="x" * 100))


@hostile(8, READ + QUEUED, framings=(native,), must=FLOOD)
def metadata_flood(f, peer):
    meta = {f"key-{i}": "v" * 40 for i in range(1000)}
    yield from again(f, lambda i: f.call("demo.whoami", id=i, meta=meta))


@hostile(16, READ + QUEUED + MIB, must=FLOOD)
def many_method_names(f, peer):
    yield from again(f, lambda i: f.call(f"demo.m{peer.number}_{i}", 1, id=i))


@hostile(8, READ + QUEUED, must=FLOOD)
def listing_flood(f, peer):
    if f is native:
        yield from again(f, lambda i: f.call("oocrpc.list", id=i))
    yield from again(f, lambda i: f.command({"listCommands": 1}, number=i))


@hostile(8, READ + QUEUED, framings=(mongo,), must=FLOOD)
def hello_flood(f, peer):
    client = {"driver": {"name": "x" * 400, "version": "1"}}
    yield from again(f, lambda i: f.command({"hello": 1, "client": client}, "admin", number=i))


# Streams and cursors.

@hostile(32, 2 * QUEUED + READ, framings=(native,), reads=False)
def stream_not_read(f, peer):
    yield from then_nothing(f.call("demo.count", INT_MAX, id=1, stream=INT_MAX))


@hostile(16, READ + IN_FLIGHT, framings=(native,))
def streams_left_open(f, peer):
    yield send(b"".join(f.call("demo.count", INT_MAX, id=i, stream=1) for i in range(1, 1400)))
    yield wait(FOREVER)


@hostile(8, READ + QUEUED, framings=(native,), reads=False)
def credit_overflow(f, peer):
    yield send(f.call("demo.count_slow", INT_MAX, 1, id=1, stream=INT_MAX))
    grants = b"".join(f.info(credit={"id": raw(0x12, struct.pack("<q", i)),
                                     "n": raw(0x10, struct.pack("<i", INT_MAX))})
                      for i in (1, 2, -1, (1 << 63) - 1))
    yield from over_and_over(grants)


@hostile(8, READ, framings=(native,), must={"closed": 1})
def credit_that_is_none(f, peer):
    yield send(f.call("demo.count_slow", INT_MAX, 1, id=1, stream=1))
    for n in (0, -1, -INT_MAX):
        yield send(f.info(credit={"id": raw(0x12, struct.pack("<q", 1)), "n": n}))
    yield from until_closed(f.info(credit="all of it"))


@hostile(8, READ, framings=(native,), must=FLOOD)
def items_for_nobody(f, peer):
    yield from again(f, lambda i: f.info(item={"id": raw(0x12, struct.pack("<q", i)),
                                            "value": "x" * 50}) +
                     f.info(end=raw(0x12, struct.pack("<q", i))))


@hostile(16, READ + QUEUED + 128 * 4 * CALL, framings=(mongo,), must={"received": 1})
def cursor_exhaustion(f, peer):
    at = 0
    while True:
        at += 1
        yield send(f.command({"find": "count", "filter": {"n": INT_MAX}, "batchSize": 1},
                             number=at))
        yield receive()


@hostile(8, READ + QUEUED, framings=(mongo,), must=FLOOD)
def cursors_of_others(f, peer):
    def guess(i):
        id = raw(0x12, os.urandom(7) + b"\1")
        return (f.command({"getMore": id, "collection": "count"}, number=i) +
                f.command({"killCursors": "count", "cursors": [id] * 100}, number=i + 1000000))
    yield from again(f, guess)


@hostile(8, 2 * QUEUED + READ, framings=(mongo,), reads=False)
def cursor_batches_not_read(f, peer):
    yield from again(f, lambda i: f.command({"find": "count", "filter": {"n": 100_000},
                                          "batchSize": 100_000}, number=i))


@hostile(8, READ + QUEUED, framings=(mongo,), must=FLOOD)
def operations_of_others(f, peer):
    yield from again(f, lambda i: f.command({"killOp": 1, "op": raw(0x12, struct.pack(
        "<q", (1 << 32) + i))}, "admin", number=i) + f.command({"currentOp": 1}, "admin", number=i))


@hostile(8, READ + QUEUED, framings=(mongo,), must=FLOOD)
def insert_of_many(f, peer):
    documents = encode({"n": 1}) * 5000
    section = b"documents\0" + documents
    rest = b"\1" + struct.pack("<i", len(section) + 4) + section
    yield from over_and_over(f.msg({"insert": "noreply", "$db": "demo"}, rest=rest))


# Lies about length.

@hostile(32, READ, must={"closed": 1})
def huge_length(f, peer):
    yield from until_closed(f.claim((f.largest + 1, INT_MAX)[peer.number % 2]) + bytes(4096))


@hostile(32, READ, must={"closed": 1})
def length_that_is_none(f, peer):
    lengths = (0, -1, 1, 4, 15, -INT_MAX - 1, -16)
    yield from until_closed(f.claim(lengths[peer.number % len(lengths)]) + bytes(64))


@hostile(8, 2 * 16 * MIB + READ)
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


@hostile(2, 6 * 16 * MIB)
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
    first = (b"SSH-2.0-OpenSSH_9.2\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
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


# MongoDB's own.

@hostile(4, 3 * 48_000_000 + READ, framings=(mongo,), must={"closed": 1})
def decompressor_bomb(f, peer):
    claims = ((48_000_000, 47_000_000), (INT_MAX, 48_000_000), (100, 48_000_000), (-1, 48_000_000))
    claimed, unpacked = claims[peer.number % len(claims)]
    yield from until_closed(f.bomb(claimed, unpacked))


@hostile(32, READ, framings=(mongo,), must={"closed": 1})
def garbage_that_claims_to_be_compressed(f, peer):
    compressor = (0, 1, 2, 3, 4, 255)[peer.number % 6]
    opcode = (2013, 2012, 2004, 7)[peer.number % 4]
    yield from until_closed(f.message(2012, struct.pack("<iiB", opcode, 40_000, compressor) +
                                      os.urandom(2000)))


@hostile(16, READ, framings=(mongo,), must={"closed": 1})
def checksum_lies(f, peer):
    yield from until_closed(f.command({"ping": 1}, flags=1, rest=b"\xde\xad\xbe\xef"))


@hostile(4, 4 * 16 * MIB, framings=(mongo,))
def a_million_sections(f, peer):
    one = b"\1" + struct.pack("<i", 6) + b"a\0"
    data = f.command({"add": 1}, rest=one * 1_000_000)
    yield send(data)
    while (yield receive()):
        pass


@hostile(32, READ, framings=(mongo,), must={"closed": 1})
def legacy_opcode_lies(f, peer):
    lies = (
        mongo.query(b"demo.$cmd", struct.pack("<i", 1 << 20) + bytes(32)),
        mongo.query(b"demo.$cmd", encode({"add": [1, 2]})[:-1] + b"x"),
        mongo.query(b"x" * 1000, b""),
        mongo.query(b"demo.add", encode({"a": 1}), flags=-1),
        mongo.message(2005, struct.pack("<i", 0) + b"demo.add"),
        mongo.message(2007, struct.pack("<ii", 0, INT_MAX) + bytes(64)),
        mongo.message(2007, struct.pack("<ii", 0, -1) + bytes(8)),
        mongo.message(2002, struct.pack("<i", 0) + b"demo.add\0" + struct.pack("<i", -5)),
        mongo.message(2001, struct.pack("<i", 0) + b"demo.add\0" + b"\0\0"),
        mongo.message(2003, bytes(16)),
        mongo.message(2013, struct.pack("<I", 0xFFFF) + b"\0" + encode({"ping": 1})),
        mongo.message(2013, struct.pack("<I", 0) + (b"\0" + encode({"ping": 1})) * 2),
        mongo.message(2013, struct.pack("<I", 0) + b"\1" + struct.pack("<i", -1)),
        mongo.message(2013, b""),
    )
    yield from until_closed(lies[peer.number % len(lies)])
