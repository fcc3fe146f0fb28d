"""A peer that knows only the base protocol: frames of a 4-byte length and one BSON document, calls
without ids, answers in order. Standard library only.

    with client("oocrpc://127.0.0.1:9001") as c:
        assert c.call("demo.add", 2, 3) == 5
        assert c.call("demo.add", a=2, b=3) == 5

Knows the BSON of None, bool, int (int32 where it fits, else int64), float, str, bytes, list, dict.
`raw(type, data)` is a value of any other type, which is sent as it is; so are such values read.
"""
import collections
import re
import socket
import struct

raw = collections.namedtuple("raw", "type data")


class remote_error(Exception):
    """The peer answered an error."""

    def __init__(self, message, detail):
        super().__init__(f"{message}: {detail}")
        self.message, self.detail = message, detail


def encode_value(v):
    """The type and the bytes of one value."""
    if isinstance(v, raw):
        return v
    if v is None:
        return raw(0x0A, b"")
    if isinstance(v, bool):
        return raw(0x08, bytes([v]))
    if isinstance(v, int):
        fits = -(1 << 31) <= v < 1 << 31
        return raw(0x10, struct.pack("<i", v)) if fits else raw(0x12, struct.pack("<q", v))
    if isinstance(v, float):
        return raw(0x01, struct.pack("<d", v))
    if isinstance(v, str):
        text = v.encode() + b"\0"
        return raw(0x02, struct.pack("<i", len(text)) + text)
    if isinstance(v, bytes):
        return raw(0x05, struct.pack("<iB", len(v), 0) + v)
    if isinstance(v, dict):
        return raw(0x03, encode(v))
    return raw(0x04, encode({str(i): x for i, x in enumerate(v)}))


def encode(document):
    body = b""
    for name, v in document.items():
        kind, data = encode_value(v)
        body += bytes([kind]) + name.encode() + b"\0" + data
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def size_of(kind, data, at):
    """How many bytes the value that begins at `at` takes."""
    fixed = {0x01: 8, 0x06: 0, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8,
             0x13: 16, 0x7F: 0, 0xFF: 0}
    if kind in fixed:
        return fixed[kind]
    if kind == 0x0B:
        return data.index(b"\0", data.index(b"\0", at) + 1) + 1 - at
    length = struct.unpack_from("<i", data, at)[0]
    return length + {0x02: 4, 0x0D: 4, 0x0E: 4, 0x05: 5, 0x0C: 16}.get(kind, 0)


def decode_value(kind, data):
    if kind == 0x01:
        return struct.unpack("<d", data)[0]
    if kind == 0x02:
        return data[4:-1].decode()
    if kind == 0x03:
        return decode(data)
    if kind == 0x04:
        return list(decode(data).values())
    if kind == 0x05 and data[4] == 0:
        return data[5:]
    if kind == 0x08:
        return data != b"\0"
    if kind == 0x0A:
        return None
    if kind == 0x10:
        return struct.unpack("<i", data)[0]
    if kind == 0x12:
        return struct.unpack("<q", data)[0]
    return raw(kind, data)


def decode(data):
    out, at = {}, 4
    while data[at]:
        kind = data[at]
        end = data.index(b"\0", at + 1)
        name = data[at + 1:end].decode()
        at = end + 1 + size_of(kind, data, end + 1)
        out[name] = decode_value(kind, data[end + 1:at])
    return out


def frame(document):
    body = encode(document)
    return struct.pack(">I", len(body)) + body


def connect(url, timeout=20):
    """A socket to `oocrpc://host:port`, `oocrpc+unix:///path` or `host:port`."""
    if m := re.fullmatch(r"oocrpc\+unix://(/.*)", url):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(timeout)
        s.connect(m[1])
        return s
    host, port = re.fullmatch(r"(?:oocrpc://)?\[?([^/\]]+)\]?:(\d+)", url).groups()
    return socket.create_connection((host, int(port)), timeout)


class client:
    """One connection. send() and receive() apart pipeline; call() does both."""

    def __init__(self, url, timeout=20):
        self.socket = connect(url, timeout)
        self.stream = self.socket.makefile("rb")

    def send(self, method, *positional, **named):
        call = {"funcname": method}
        if positional or named:
            call["arguments"] = named or list(positional)
        self.socket.sendall(frame({"call": call}))

    def receive_document(self):
        head = self.stream.read(4)
        if len(head) < 4:
            raise EOFError("the peer closed the connection")
        return decode(self.stream.read(struct.unpack(">I", head)[0]))

    def receive(self):
        """The next answer: the reply's value, or raises remote_error."""
        while True:
            d = self.receive_document()
            if "error" in d:
                raise remote_error(d["error"]["message"], d["error"]["detail"])
            if "reply" in d:
                return d["reply"]

    def call(self, method, *positional, **named):
        self.send(method, *positional, **named)
        return self.receive()

    def close(self):
        self.stream.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
