"""The base protocol in one page: four kinds of frames, no ids, hand-written BSON."""
import socket
import struct


def put(value):
    if value is None:
        return 0x0A, b""
    if isinstance(value, bool):
        return 0x08, bytes([value])
    if isinstance(value, int):
        if -(1 << 31) <= value < 1 << 31:
            return 0x10, struct.pack("<i", value)
        return 0x12, struct.pack("<q", value)
    if isinstance(value, float):
        return 0x01, struct.pack("<d", value)
    if isinstance(value, str):
        text = value.encode()
        return 0x02, struct.pack("<i", len(text) + 1) + text + b"\0"
    if isinstance(value, list):
        return 0x04, document({str(i): v for i, v in enumerate(value)})
    return 0x03, document(value)


def document(pairs):
    body = b""
    for key, value in pairs.items():
        kind, data = put(value)
        body += bytes([kind]) + key.encode() + b"\0" + data
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def get(kind, data, at):
    if kind == 0x0A:
        return None, at
    if kind == 0x08:
        return bool(data[at]), at + 1
    if kind == 0x10:
        return struct.unpack_from("<i", data, at)[0], at + 4
    if kind == 0x12:
        return struct.unpack_from("<q", data, at)[0], at + 8
    if kind == 0x01:
        return struct.unpack_from("<d", data, at)[0], at + 8
    size = struct.unpack_from("<i", data, at)[0]
    if kind == 0x02:
        return data[at + 4:at + 3 + size].decode(), at + 4 + size
    if kind not in (0x03, 0x04):
        raise ValueError(f"type {kind:#x}")
    pairs = parse(data[at:at + size])
    return (list(pairs.values()) if kind == 0x04 else pairs), at + size


def parse(data):
    pairs, at = {}, 4
    while data[at]:
        kind, end = data[at], data.index(0, at + 1)
        pairs[data[at + 1:end].decode()], at = get(kind, data, end + 1)
    return pairs


def frame(pairs):
    body = document(pairs)
    return struct.pack(">I", len(body)) + body


def frames(stream):
    """Yields the body of each frame until the stream ends."""
    while head := stream.read(4):
        yield parse(stream.read(struct.unpack(">I", head)[0]))


def connect(url):
    host, port = url.removeprefix("oocrpc://").rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=60)
