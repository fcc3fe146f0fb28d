"""Connecting, closing, reconnecting, and what is compressed on the way."""
import collections
import socket
import struct
import sys
import threading
import urllib.parse

import pymongo
from pymongo import errors

from cases import skip
from .support import URL, case, connected, equal, raises, stats, until

URL_PARTS = urllib.parse.urlsplit(URL)


class relay:
    """A port before the server. Counts the messages by (direction, opcode, compressor)."""

    def __init__(self):
        self.counts = collections.Counter()
        self.listener = socket.create_server(("127.0.0.1", 0))
        user, at, _ = URL_PARTS.netloc.rpartition("@")
        netloc = f"{user}{at}127.0.0.1:{self.listener.getsockname()[1]}"
        self.url = URL_PARTS._replace(netloc=netloc).geturl()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection((URL_PARTS.hostname, URL_PARTS.port))
            for a, b, direction in ((near, far, "request"), (far, near, "reply")):
                threading.Thread(target=self.forward, args=(a, b, direction), daemon=True).start()

    def forward(self, source, target, direction):
        stream = source.makefile("rb")
        while len(head := stream.read(16)) == 16:
            body = stream.read(struct.unpack_from("<i", head)[0] - 16)
            opcode = struct.unpack_from("<i", head, 12)[0]
            self.counts[direction, opcode, body[8] if opcode == 2012 else None] += 1
            target.sendall(head + body)
        target.shutdown(socket.SHUT_WR)


@case
def connect_and_close():
    until(lambda: stats()["in_flight"] == 1)
    before = stats()["connections"]
    client = connected()
    equal(client.admin.command("ping"), {"ok": 1.0})
    equal(client.demo.command("add", [2, 3])["reply"], 5)
    assert client.server_info()["ok"] == 1
    assert stats()["connections"] > before
    client.close()
    until(lambda: stats()["connections"] <= before)


@case
def reconnect_after_restart():
    client = connected()
    equal(client.demo.command("add", [2, 3])["reply"], 5)
    print("RESTART", flush=True)
    equal(sys.stdin.readline().strip(), "READY")

    def answered():
        try:
            return client.demo.command("add", [4, 5])["reply"] == 9
        except errors.AutoReconnect:
            return False
    until(answered)
    client.close()


@case
def compression():
    """A relay sees that both directions are compressed, and by what."""
    numbers = {"zlib": 2, "snappy": 1, "zstd": 3}
    here = [name for name in numbers
            if getattr(pymongo.compression_support, f"_HAVE_{name.upper()}")]
    for name in here:
        seen = relay()
        client = connected(seen.url, compressors=name)
        text = f"压缩 {name} " * 20_000
        equal(client.demo.command("echo", [text])["reply"], text)
        equal(client.demo.command("add", [2, 3])["reply"], 5)
        with raises(errors.OperationFailure, 59):
            client.demo.command("no_such")
        client.close()
        for direction in ("request", "reply"):
            assert seen.counts[direction, 2012, numbers[name]] >= 3, (name, seen.counts)
    if len(here) < len(numbers):
        raise skip(f"this pymongo has only {', '.join(here)}")
