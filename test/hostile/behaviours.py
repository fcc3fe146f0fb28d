"""What hostile behaviours are made of. Each is a script for one connection of a crowd (crowd.py),
with how many there are and what the limits of the server allow them to cost.

`f` is the framing: wire.native or wire.mongo. `must` is what has to be counted before a behaviour
is there at all, `memory` the bytes that one connection may make the server keep, `where` the server
that it is for (served.py). `heavy` are those whose single messages rightly take the server longer
than a good call may wait: everything else has to hold. One that is `whole` is all of the attack,
script(address, tally).
"""
import collections
import itertools

from crowd import FOREVER, receive, send, wait
from wire import mongo, native

behaviour = collections.namedtuple(
    "behaviour", "name script framing count memory must reads where addresses whole heavy")
ALL = []

KIB, MIB = 1 << 10, 1 << 20
IDLE = 8 * KIB  # a connection on which nothing happens
READ = 512 * KIB  # the read buffer of one that sends as fast as it can, doubled when it grows
QUEUED = 4 * MIB  # max_queued, answers that wait
CALL = 8 * KIB  # one call that is suspended, its coroutine and its place in the tables
FLOOD = {"sent": MIB}
IN_FLIGHT = 1024 * CALL  # max_in_flight of them


def hostile(count, memory, framings=(native, mongo), must={"sent": 1}, reads=True, where="plain",
            addresses=64, whole=False, heavy=False):
    """Makes behaviours of script(f, peer), one for each framing."""
    def add(script):
        name = script.__name__.replace("_", "-")
        for f in framings:
            ALL.append(behaviour(name if len(framings) == 1 else f"{name}/{f.name}", script, f,
                                 count, memory, must, reads, where, addresses, whole, heavy))
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
