"""Hostile behaviours that only MongoDB's framing has."""
import os
import struct

from behaviours import MIB, READ, hostile, until_closed
from crowd import receive, send
from wire import INT_MAX, encode, mongo


@hostile(4, 3 * 48_000_000 + READ, framings=(mongo,), must={"closed": 1}, heavy=True)
def decompressor_bomb(f, peer):
    claims = ((48_000_000, 47_000_000), (INT_MAX, 48_000_000), (100, 48_000_000), (-1, 48_000_000))
    claimed, unpacked = claims[peer.number % len(claims)]
    yield from until_closed(f.bomb(claimed, unpacked))


@hostile(32, READ, framings=(mongo,), must={"closed": 1})
def garbage_that_claims_to_be_compressed(f, peer):
    compressor = (0, 1, 2, 3, 4, 255)[peer.number % 6]
    opcode = (2013, 2012, 2004, 7)[peer.number % 4]
    yield from until_closed(f.message(2012, struct.pack("<iiB", opcode, 40_000, compressor) +
                                      os.urandom(2000)))


@hostile(16, READ, framings=(mongo,), must={"closed": 1})
def checksum_lies(f, peer):
    yield from until_closed(f.command({"ping": 1}, flags=1, rest=b"\xde\xad\xbe\xef"))


@hostile(4, 4 * 16 * MIB, framings=(mongo,), heavy=True)
def a_million_sections(f, peer):
    one = b"\1" + struct.pack("<i", 6) + b"a\0"
    data = f.command({"add": 1}, rest=one * 1_000_000)
    yield send(data)
    while (yield receive()):
        pass


@hostile(32, READ, framings=(mongo,), must={"closed": 1})
def legacy_opcode_lies(f, peer):
    lies = (
        mongo.query(b"demo.$cmd", struct.pack("<i", 1 << 20) + bytes(32)),
        mongo.query(b"demo.$cmd", encode({"add": [1, 2]})[:-1] + b"x"),
        mongo.query(b"x" * 1000, b""),
        mongo.query(b"demo.add", encode({"a": 1}), flags=-1),
        mongo.message(2005, struct.pack("<i", 0) + b"demo.add"),
        mongo.message(2007, struct.pack("<ii", 0, INT_MAX) + bytes(64)),
        mongo.message(2007, struct.pack("<ii", 0, -1) + bytes(8)),
        mongo.message(2002, struct.pack("<i", 0) + b"demo.add\0" + struct.pack("<i", -5)),
        mongo.message(2001, struct.pack("<i", 0) + b"demo.add\0" + b"\0\0"),
        mongo.message(2003, bytes(16)),
        mongo.message(2013, struct.pack("<I", 0xFFFF) + b"\0" + encode({"ping": 1})),
        mongo.message(2013, struct.pack("<I", 0) + (b"\0" + encode({"ping": 1})) * 2),
        mongo.message(2013, struct.pack("<I", 0) + b"\1" + struct.pack("<i", -1)),
        mongo.message(2013, b""),
    )
    yield from until_closed(lies[peer.number % len(lies)])
