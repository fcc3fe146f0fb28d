"""Hostile behaviours of peers that have not logged in where one has to."""
import base64
import os
import re

from behaviours import CALL, FLOOD, IDLE, KIB, QUEUED, READ, again, hostile, until_closed
from crowd import FOREVER, receive, send, wait
from wire import mongo, native


def before_login(count, memory, **how):
    return hostile(count, memory, where="login", **how)


def start(f, payload, mechanism="SCRAM-SHA-256", id=1):
    if f is native:
        return f.call("oocrpc.sasl_start", mechanism, payload.decode(), id=id)
    return f.command({"saslStart": 1, "mechanism": mechanism, "payload": payload}, "admin",
                     number=id)


def proceed(f, payload, id=2):
    if f is native:
        return f.call("oocrpc.sasl_continue", payload.decode(), id=id)
    return f.command({"saslContinue": 1, "conversationId": 1, "payload": payload}, "admin",
                     number=id)


def first(number):
    return b"n,,n=user%d,r=%s" % (number, base64.b64encode(os.urandom(18)))


@before_login(16, READ + QUEUED, must=FLOOD)
def login_flood(f, peer):
    yield from again(f, lambda i: start(f, first(i), id=i))


@before_login(1000, IDLE + CALL, must={"received": 1})
def logins_begun_again_and_again(f, peer):
    """Each waits for its answer, and fails at nothing."""
    while True:
        yield send(start(f, first(peer.number)))
        if not (yield receive()):
            return


@before_login(64, READ, must={"closed": 1})
def password_guessing(f, peer):
    """As many connections as it takes; each is closed after some failures."""
    while True:
        yield send(start(f, first(peer.number)))
        nonce = re.search(rb"r=[^,]+", (yield receive()))
        if not nonce:
            return
        proof = base64.b64encode(os.urandom(32))
        yield send(proceed(f, b"c=biws,%s,p=%s" % (nonce[0], proof)))
        if not (yield receive()):
            return


@before_login(1000, IDLE + CALL, must={"received": 1})
def logins_left_halfway(f, peer):
    yield send(start(f, first(peer.number)))
    yield wait(FOREVER)


@before_login(16, READ, must=FLOOD)
def login_garbage(f, peer):
    yield from again(f, lambda i: start(f, (b"", b"n,,", b"y,,n=\xc3\xbc,r=1", b"p=x,,n=a,r=b",
                                            b"n,,n==,r=", b"n,,n=" + b"x" * 5000 + b",r=1")[i % 6],
                                        ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "NONE")[i % 4],
                                        id=i))


@before_login(16, READ + QUEUED, must=FLOOD)
def calls_before_login(f, peer):
    yield from again(f, lambda i: f.call("demo.sleep_ms", 600_000, id=i))


@before_login(32, READ, must={"closed": 1})
def large_message_before_login(f, peer):
    yield from until_closed(f.claim(64 * KIB + 1) + bytes(70 * KIB))


@before_login(16, READ, framings=(mongo,), must={"closed": 1})
def decompressor_bomb_before_login(f, peer):
    claimed = (48_000_000, 65_000, 100, -1)[peer.number % 4]
    yield from until_closed(f.bomb(claimed, 48_000_000))


@before_login(16, READ, framings=(mongo,), must={"received": 1})
def speculative_login_flood(f, peer):
    yield from again(f, lambda i: f.command(
        {"hello": 1, "speculativeAuthenticate": {
            "saslStart": 1, "mechanism": "SCRAM-SHA-256", "payload": first(i), "db": "admin"},
         "saslSupportedMechs": f"admin.user{i}"}, "admin", number=i))
