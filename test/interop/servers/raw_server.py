"""A server for what no MongoDB server does: wrong numbers, half a message, nothing at all.

It greets each connection as a MongoDB server does (unless `hello` is None), and hands every other message to the test:

    with raw_server(lambda c, r: c.send(message({"reply": 5, "ok": 1.0}, to=r.id))) as s:
        run("call", s.url, "demo.add", "2", "3")
"""
import collections
import socket
import struct
import threading
import zlib

import bson
from bson.codec_options import CodecOptions
from bson.son import SON

OP_QUERY, OP_COMPRESSED, OP_MSG = 2004, 2012, 2013
ZLIB = 2
HELLO = {"isWritablePrimary": True, "maxBsonObjectSize": 16777216, "maxMessageSizeBytes": 48000000,
         "maxWriteBatchSize": 100000, "minWireVersion": 0, "maxWireVersion": 21, "ok": 1.0}

request = collections.namedtuple("request", "id opcode flags document compressor")


def message(document, to, flags=0, opcode=OP_MSG, number=7):
    """An OP_MSG with that document, whose header may say whatever it likes."""
    body = struct.pack("<IB", flags, 0) + bson.encode(document)
    return struct.pack("<iiii", 16 + len(body), number, to, opcode) + body


def compressed(plain):
    body = struct.pack("<iiB", struct.unpack_from("<i", plain, 12)[0], len(plain) - 16, ZLIB)
    body += zlib.compress(plain[16:])
    return struct.pack("<i", 16 + len(body)) + plain[4:12] + struct.pack("<i", OP_COMPRESSED) + body


def decode(data):
    return bson.decode(data, CodecOptions(document_class=SON))


def merged(body):
    """The document of an OP_MSG, its sections of kind 1 as arrays in it."""
    document, arrays, at = None, {}, 4
    while at < len(body):
        size = struct.unpack_from("<i", body, at + 1)[0]
        content = body[at + 1:at + 1 + size]
        if body[at] == 0:
            document = decode(content)
        else:
            name, documents = content[4:].split(b"\0", 1)
            arrays[name.decode()] = bson.decode_all(documents)
        at += 1 + size
    document.update(arrays)
    return document


class connection:
    def __init__(self, sock):
        self.socket = sock
        self.stream = sock.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def hang_up(self):
        """With a FIN and no RST: the peer reads what was sent before."""
        self.socket.shutdown(socket.SHUT_RDWR)

    def receive(self):
        """The next request, of one document; None where the peer hung up."""
        head = self.stream.read(16)
        if len(head) < 16:
            return None
        size, number, _, opcode = struct.unpack("<iiii", head)
        body, compressor = self.stream.read(size - 16), None
        if opcode == OP_COMPRESSED:
            opcode, _, compressor = struct.unpack_from("<iiB", body)
            body = zlib.decompress(body[9:])
        if opcode == OP_QUERY:
            document = decode(body[body.index(b"\0", 4) + 9:])
        else:
            document = merged(body)
        return request(number, opcode, struct.unpack_from("<I", body)[0], document, compressor)


class raw_server:
    """Serves from its making on; `greetings` are the requests that it answered by itself."""

    def __init__(self, answer, hello=HELLO):
        self.answer = answer
        self.hello = hello
        self.greetings = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.url = f"mongodb://{self.address}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection(sock),), daemon=True).start()

    def serve(self, peer):
        with peer.socket:
            try:
                while r := peer.receive():
                    if next(iter(r.document)).lower() in ("hello", "ismaster"):
                        self.greetings.append(r)
                        if self.hello:
                            peer.send(message(self.hello, to=r.id))
                    else:
                        self.answer(peer, r)
            except OSError:
                pass  # the program was faster to go

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
