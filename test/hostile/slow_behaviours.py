"""Hostile behaviours of peers that take their time."""
from behaviours import IDLE, KIB, QUEUED, READ, again, drip, hostile, then_nothing
from crowd import FOREVER, send, wait
from wire import native


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


# Which leaves room for the good ones, who come when these are idle: floods are in another file.
@hostile(9_900, IDLE, must={"answered": 9_800})
def ten_thousand_idle(f, peer):
    yield from then_nothing(f.call("demo.add", 1, 2, id=1))


@hostile(2000, IDLE, must={"closed": 1}, where="short", framings=(native,))
def silent(f, peer):
    yield wait(FOREVER)


@hostile(1000, IDLE, must={"closed": 1}, where="short")
def idle_after_a_call(f, peer):
    yield from then_nothing(f.call("demo.add", 1, 2, id=1))
