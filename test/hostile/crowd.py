"""Many connections at once, each of which follows a script: a generator that yields what to do.

    def slowly(peer):
        for b in frame:
            yield send(bytes([b]))
            yield wait(1)

    crowd(address, tally).run(200, slowly)

A connection whose script or whose peer has ended is replaced by a new one. The tally is counted in
memory that is shared with whoever started the process, which may kill it at any time.
"""
import collections
import errno
import heapq
import itertools
import mmap
import select
import socket
import struct
import time

send = collections.namedtuple("send", "data")
wait = collections.namedtuple("wait", "seconds")
receive = collections.namedtuple("receive", "")  # yields what has come, b"" at the end
half_close = collections.namedtuple("half_close", "")
reset = collections.namedtuple("reset", "")

FOREVER = 1e9
# Attackers come from addresses of their own, so that limits for each address spare the good client.
ADDRESSES = [f"127.66.{i // 250}.{i % 250 + 1}" for i in range(1000)]
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing resets, and leaves no TIME_WAIT behind


class tally:
    """Numbers that two processes see."""
    names = ("opened", "answered", "refused", "closed", "sent", "received", "done")

    def __init__(self):
        self.memory = mmap.mmap(-1, 8 * len(self.names))

    def add(self, name, n=1):
        at = 8 * self.names.index(name)
        struct.pack_into("q", self.memory, at, struct.unpack_from("q", self.memory, at)[0] + n)

    def values(self):
        return dict(zip(self.names, struct.unpack(f"{len(self.names)}q", self.memory)))


class peer:
    """One connection. `number` tells the connections of a crowd apart; `reads` may be set."""

    def __init__(self, number, reads):
        self.number, self.reads = number, reads
        self.socket = None
        self.out = memoryview(b"")
        self.connected = self.receiving = self.answered = False
        self.mask = None
        self.turn = 0  # grows when it goes on, so that a wait that is over is known


class crowd:
    def __init__(self, address, tally, addresses=64):
        self.address, self.tally = address, tally
        self.addresses = itertools.cycle(ADDRESSES[:addresses])
        self.poll = select.epoll()
        self.peers = {}
        self.waiting = []  # heap of (when, order, peer, turn)
        self.order = itertools.count()

    def run(self, count, script, reads=True):
        """Never returns."""
        for number in range(count):
            self.open(peer(number, reads), script)
            if number % 64 == 63:
                self.turn(0)
        while True:
            self.turn(max(0, self.waiting[0][0] - time.monotonic()) if self.waiting else 1)

    def open(self, p, script):
        p.socket = socket.socket()
        p.socket.setblocking(False)
        p.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        p.socket.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        p.socket.bind((next(self.addresses), 0))
        p.script, p.make = script(p), script
        p.out, p.mask = memoryview(b""), None
        p.connected = p.receiving = p.answered = False
        self.peers[p.socket.fileno()] = p
        p.socket.connect_ex(self.address)
        self.watch(p, select.EPOLLOUT)

    def watch(self, p, mask):
        if p.mask == mask:
            return
        change = self.poll.register if p.mask is None else self.poll.modify
        change(p.socket.fileno(), mask)
        p.mask = mask

    def turn(self, seconds):
        for fd, events in self.poll.poll(min(seconds, 1)):
            if p := self.peers.get(fd):
                self.ready(p, events)
        now = time.monotonic()
        while self.waiting and self.waiting[0][0] <= now:
            _, _, p, turn = heapq.heappop(self.waiting)
            if p.turn == turn:
                self.go_on(p)

    def ready(self, p, events):
        if not p.connected:
            if p.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self.tally.add("refused")
                return self.replace(p)
            p.connected = True
            self.tally.add("opened")
            return self.go_on(p)
        if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            if not self.read(p):
                return
        if events & select.EPOLLOUT and p.out:
            self.write(p)

    def read(self, p):
        try:
            data = p.socket.recv(1 << 18)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        self.tally.add("received", len(data))
        if not data:
            self.tally.add("closed")
        elif not p.answered:
            p.answered = True
            self.tally.add("answered")
        if p.receiving:
            p.receiving = False
            self.go_on(p, data)
            return False
        if data:
            return True
        self.replace(p)
        return False

    def write(self, p):
        try:
            n = p.socket.send(p.out)
        except BlockingIOError:
            n = 0
        except OSError:
            self.tally.add("closed")
            return self.replace(p)
        self.tally.add("sent", n)
        p.out = p.out[n:]
        if not p.out:
            self.go_on(p)

    def go_on(self, p, value=None):
        p.turn += 1
        try:
            what = p.script.send(value)
        except StopIteration:
            self.tally.add("done")
            return self.replace(p)
        mask = select.EPOLLIN if p.reads else 0
        if isinstance(what, send):
            p.out = memoryview(what.data)
            mask |= select.EPOLLOUT
        elif isinstance(what, receive):
            p.receiving = True
            mask |= select.EPOLLIN
        elif isinstance(what, half_close):
            p.socket.shutdown(socket.SHUT_WR)
            heapq.heappush(self.waiting, (0, next(self.order), p, p.turn))
        elif isinstance(what, reset):
            return self.replace(p)
        else:
            heapq.heappush(self.waiting, (time.monotonic() + what.seconds, next(self.order), p,
                                          p.turn))
        self.watch(p, mask)

    def replace(self, p):
        p.turn += 1
        p.script.close()
        del self.peers[p.socket.fileno()]
        p.socket.close()
        try:
            self.open(p, p.make)
        except OSError as e:
            if e.errno not in (errno.EADDRNOTAVAIL, errno.EMFILE):
                raise
            self.tally.add("refused")
