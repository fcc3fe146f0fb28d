"""Hostile behaviours of peers that speak TLS, or do not although they should."""
import os
import ssl
import subprocess

from behaviours import CALL, IDLE, KIB, READ, drip, hostile, until_closed
from crowd import FOREVER, receive, reset, send, wait
from login_behaviours import start
from wire import native

TLS = 64 * KIB  # what a session takes
CONTEXT = ssl.create_default_context()
CONTEXT.check_hostname, CONTEXT.verify_mode = False, ssl.CERT_NONE


def over_tls(count, memory, where="tls", **how):
    return hostile(count, memory + TLS, framings=(native,), where=where, **how)


class session:
    """A client's end without a socket."""

    def __init__(self):
        self.come, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.ssl = CONTEXT.wrap_bio(self.come, self.out)

    def hello(self):
        try:
            self.ssl.do_handshake()
        except ssl.SSLWantReadError:
            return self.out.read()

    def handshake(self):
        """What a script does until the session is there; False where the peer hangs up."""
        while True:
            try:
                self.ssl.do_handshake()
                yield send(self.out.read())
                return True
            except ssl.SSLWantReadError:
                yield send(self.out.read())
            except ssl.SSLError:
                return False
            data = yield receive()
            if not data:
                return False
            self.come.write(data)

    def read(self):
        """What a script does until something has come; empty at the end."""
        while True:
            try:
                return self.ssl.read(1 << 16)
            except ssl.SSLWantReadError:
                data = yield receive()
            except ssl.SSLError:
                return b""
            if not data:
                return b""
            self.come.write(data)

    def write(self, data, size=1 << 14):
        """Records of `size` bytes."""
        for i in range(0, len(data), size):
            self.ssl.write(data[i:i + size])
        return self.out.read()


@over_tls(200, IDLE, must={"closed": 1})
def tls_stall(f, peer):
    """In the middle of the first message, or after it."""
    hello = session().hello()
    yield send(hello[:30] if peer.number % 2 else hello)
    yield wait(FOREVER)


@over_tls(200, IDLE)
def tls_one_byte_a_second(f, peer):
    yield from drip(session().hello())


@over_tls(32, READ, must={"closed": 1})
def tls_garbage(f, peer):
    hello = session().hello()
    yield from until_closed((b"\x16\x03\x01\x40\x00" + os.urandom(1 << 14), os.urandom(300),
                             hello[:50] + os.urandom(len(hello)), hello + os.urandom(300),
                             b"\x80\x2e\x01\x00\x02" + bytes(64))[peer.number % 5])


@over_tls(32, READ, must={"closed": 1})
def tls_not_spoken(f, peer):
    yield from until_closed(f.call("demo.add", 1, 2, id=1) + bytes(64))


@over_tls(16, READ, must={"received": 1})
def tls_handshake_flood(f, peer):
    """A signature of the server's for each, which it was the client's turn to use."""
    yield send(session().hello())
    yield receive()
    yield reset()


@over_tls(32, READ, must={"closed": 1})
def tls_garbage_after_the_handshake(f, peer):
    s = session()
    if (yield from s.handshake()):
        good = s.write(f.call("demo.add", 1, 2, id=1))
        yield from until_closed(good + b"\x17\x03\x03\x01\x00" + os.urandom(256))


@over_tls(16, READ, must={"sent": 1 << 20})
def tls_records_of_one_byte(f, peer):
    s = session()
    if (yield from s.handshake()):
        while True:
            yield send(s.write(f.call("demo.add", 1, 2, id=1) * 10, size=1))


@over_tls(32, READ, must={"opened": 2, "sent": 1})
def tls_reset_in_mid_record(f, peer):
    s = session()
    if (yield from s.handshake()):
        yield send(s.write(f.call("demo.sleep_ms", 600_000, id=1))[:-7])
        yield reset()


@over_tls(64, READ + CALL, where="tls-login", must={"closed": 1})
def tls_plain_guessing(f, peer):
    """Each guess has the server hash a password thousands of times."""
    s = session()
    answered = yield from s.handshake()
    while answered:
        yield send(s.write(start(f, b"\0good\0guess", "PLAIN")))
        answered = yield from s.read()


def ask_again(version, letter, address, tally):
    """openssl's own client, which asks for new keys as often as it can."""
    command = ["openssl", "s_client", version, "-connect", f"{address[0]}:{address[1]}"]
    while True:
        try:  # closing its stdin may be too late, too
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL) as client:
                tally.add("opened")
                while client.poll() is None:
                    client.stdin.write(letter)
                    client.stdin.flush()
                    tally.add("sent")
        except OSError:
            pass
        tally.add("closed")


@over_tls(1, READ, must={"closed": 1}, whole=True)
def tls_renegotiation(address, tally):
    ask_again("-tls1_2", b"R\n", address, tally)


@over_tls(1, READ, must={"sent": 100}, whole=True)
def tls_new_keys_again_and_again(address, tally):
    ask_again("-tls1_3", b"K\n", address, tally)
