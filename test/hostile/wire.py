"""What a hostile peer sends: the bytes of both framings, right ones and lies.

`native` and `mongo` have the same functions where both framings can say the same.
"""
import functools
import pathlib
import struct
import sys
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from oocrpc_base import encode, frame, raw  # noqa: E402

INT_MAX = (1 << 31) - 1


def document(elements):
    """One of elements that are bytes already."""
    return struct.pack("<i", len(elements) + 5) + elements + b"\0"


@functools.lru_cache
def deep(levels):
    """{a: {a: ... }}, whose lengths are all right."""
    heads = (struct.pack("<i", 5 + 8 * i) + b"\x03a\0" for i in range(levels, 0, -1))
    return b"".join(heads) + document(b"") + bytes(levels)


@functools.lru_cache
def tiny(count):
    """An array of so many empty documents."""
    one = b"\x03a\0" + document(b"")
    return raw(0x04, document(one * count))


class native:
    name = "native"
    scheme = "oocrpc"
    largest = 16 << 20

    @staticmethod
    def body(content):
        return struct.pack(">I", len(content)) + content

    @staticmethod
    def call(method, *arguments, id=None, **siblings):
        d = {"call": {"funcname": method, "arguments": list(arguments)}}
        if id is not None:
            d["id"] = raw(0x12, struct.pack("<q", id))
        return frame({**d, **siblings})

    @classmethod
    def oneway(cls, method, *arguments, id):
        return cls.call(method, *arguments, oneway=True)

    @staticmethod
    def info(**what):
        return frame({"info": what})

    @classmethod
    def cancel(cls, id):
        return cls.info(cancel=raw(0x12, struct.pack("<q", id)))

    @classmethod
    def ping(cls, id):
        return cls.info(ping=raw(0x12, struct.pack("<q", id)))

    @staticmethod
    def answer(id):
        return frame({"reply": 1, "id": raw(0x12, struct.pack("<q", id))})

    @staticmethod
    def claim(length):
        """The beginning of a message of that length; the length of its document agrees."""
        return (struct.pack(">I", length & 0xFFFFFFFF) + struct.pack("<I", length & 0xFFFFFFFF) +
                b"\x03call\0")

    @classmethod
    def calling_with(cls, value):
        """A call with one argument, of bytes that may lie."""
        return frame({"call": {"funcname": "demo.echo", "arguments": raw(0x04, document(
            bytes([value.type]) + b"0\0" + value.data))}})


def header(length, number, opcode, answers=0):
    return struct.pack("<iiii", length, number, answers, opcode)


class mongo:
    name = "mongo"
    scheme = "mongodb"
    largest = 48_000_000

    @staticmethod
    def message(opcode, content, number=1, answers=0):
        return header(len(content) + 16, number, opcode, answers) + content

    @classmethod
    def msg(cls, body, number=1, flags=0, rest=b""):
        """An OP_MSG; `body` is a dict or bytes."""
        content = body if isinstance(body, bytes) else encode(body)
        return cls.message(2013, struct.pack("<I", flags) + b"\0" + content + rest, number)

    @classmethod
    def command(cls, body, db="demo", **how):
        return cls.msg({**body, "$db": db}, **how)

    @classmethod
    def call(cls, method, *arguments, id=1, **keys):
        service, name = method.split(".")
        return cls.command({name: list(arguments), **keys}, service, number=id & INT_MAX)

    @classmethod
    def oneway(cls, method, *arguments, id):
        service, name = method.split(".")
        return cls.command({name: list(arguments)}, service, number=id & INT_MAX, flags=2)

    @classmethod
    def cancel(cls, id):
        return cls.command({"killOp": 1, "op": id}, "admin", flags=2)

    @classmethod
    def ping(cls, id):
        return cls.command({"ping": 1}, "admin", number=id)

    @classmethod
    def answer(cls, id):
        content = struct.pack("<I", 0) + b"\0" + encode({"ok": 1.0})
        return cls.message(2013, content, id, answers=id)

    @staticmethod
    def claim(length):
        return header(length, 1, 2013) + b"\0\0\0\0\0"

    @classmethod
    def calling_with(cls, value):
        return cls.msg(document(b"\x04echo\0" + document(bytes([value.type]) + b"0\0" +
                                                         value.data) + b"\x02$db\0\5\0\0\0demo\0"))

    @classmethod
    def query(cls, collection, document_bytes, returned=1, flags=0):
        return cls.message(2004, struct.pack("<i", flags) + collection + b"\0" +
                           struct.pack("<ii", 0, returned) + document_bytes)

    @classmethod
    @functools.lru_cache
    def bomb(cls, claimed, unpacked, compressor=2):
        """`unpacked` zeros in an OP_COMPRESSED that claims to hold so many."""
        return cls.message(2012, struct.pack("<iiB", 2013, claimed, compressor) +
                           zlib.compress(bytes(unpacked), 9))


FRAMINGS = {f.name: f for f in (native, mongo)}
