"""Hostile behaviours of peers that want too much."""
from behaviours import FLOOD, IDLE, IN_FLIGHT, MIB, QUEUED, READ, again, hostile, over_and_over
from crowd import FOREVER, half_close, receive, reset, send, wait
from wire import mongo, native


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


@hostile(8, READ + IN_FLIGHT, must=FLOOD)
def oneway_flood(f, peer):
    yield from again(f, lambda i: f.oneway("demo.sleep_ms", 5, id=i))


@hostile(16, READ + QUEUED + IN_FLIGHT, addresses=1)
def sleepers(f, peer):
    """As many as max-concurrent and max-waiting allow, and more."""
    yield send(b"".join(f.call("demo.sleep_ms", 600_000, id=i) for i in range(1, 1400)))
    yield wait(FOREVER)


@hostile(8, READ + QUEUED + IN_FLIGHT, must=FLOOD, addresses=1)
def sleepers_that_leave(f, peer):
    """What cancels by hanging up."""
    yield send(b"".join(f.call("demo.sleep_ms", 600_000, id=i) for i in range(1, 1000)))
    yield wait(0.1)
    yield reset()


@hostile(8, READ + QUEUED + 4 * 32 * MIB, framings=(native,), must={"opened": 8})
def long_arrays(f, peer):
    """Streams that are asked for as arrays, which no message can hold."""
    yield send(b"".join(f.call("demo.count", 2_000_000_000, id=i) for i in range(1, 5)))
    yield receive()


@hostile(8, READ + 2 * QUEUED, framings=(mongo,), must=FLOOD, reads=False)
def refused_and_not_read(f, peer):
    yield from again(f, lambda i: f.command({"a": 1, "maxTimeMS": "x"}, number=i))


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


@hostile(8, READ + QUEUED, framings=(native,), must=FLOOD, heavy=True)
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
