"""Hostile behaviours with streams and cursors."""
import os
import struct

from behaviours import (FLOOD, CALL, IN_FLIGHT, QUEUED, READ, again, hostile, over_and_over,
                        then_nothing, until_closed)
from crowd import FOREVER, receive, send, wait
from wire import INT_MAX, encode, mongo, native, raw


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


@hostile(8, 2 * QUEUED + READ, framings=(mongo,), reads=False, heavy=True)
def cursor_batches_not_read(f, peer):
    yield from again(f, lambda i: f.command({"find": "count", "filter": {"n": 100_000},
                                          "batchSize": 100_000}, number=i))


@hostile(8, READ + QUEUED, framings=(mongo,), must=FLOOD)
def operations_of_others(f, peer):
    yield from again(f, lambda i: f.command({"killOp": 1, "op": raw(0x12, struct.pack(
        "<q", (1 << 32) + i))}, "admin", number=i) + f.command({"currentOp": 1}, "admin", number=i))


@hostile(8, READ + QUEUED, framings=(mongo,), must=FLOOD, heavy=True)
def insert_of_many(f, peer):
    documents = encode({"n": 1}) * 5000
    section = b"documents\0" + documents
    rest = b"\1" + struct.pack("<i", len(section) + 4) + section
    yield from over_and_over(f.msg({"insert": "noreply", "$db": "demo"}, rest=rest))
