"""Calls as commands: arguments, every type, sizes, many at once."""
import struct
import time

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import errors

from .support import case, demo, equal, in_background, raises

BIG = 16_000_000  # bytes


@case
def call_positional():
    equal(demo.command("add", [2, 3]), {"reply": 5, "ok": 1.0})
    equal(demo.command("add", [2**40, 3])["reply"], 2**40 + 3)
    equal(demo.command("add", [2.5, 3])["reply"], 5.5)


@case
def call_named_document():
    equal(demo.command("add", {"b": 3, "a": 2}), {"reply": 5, "ok": 1.0})
    equal(demo.command("echo", {"value": {"a": 1}})["reply"], {"a": 1})


@case
def call_named_keys():
    for value in (1, 1.0, True, None):
        equal(demo.command("add", value, a=2, b=3), {"reply": 5, "ok": 1.0})
    generic = {"comment": "none of its arguments", "maxTimeMS": 60_000}
    equal(demo.command("add", 1, a=2, b=3, **generic)["reply"], 5)


@case
def call_without_arguments():
    equal(demo.command("noreply"), {"reply": None, "ok": 1.0})
    who = demo.command("whoami")["reply"]
    equal((who["protocol"], who["user"]), ("mongodb", ""))


def element(kind, name, data):
    return bytes([kind]) + name.encode() + b"\0" + data


def document(*elements):
    body = b"".join(elements) + b"\0"
    return struct.pack("<i", len(body) + 4) + body


def text(s):
    data = s.encode() + b"\0"
    return struct.pack("<i", len(data)) + data


def with_length(data):
    return struct.pack("<i", len(data) + 4) + data


INNER = document(element(0x10, "x", struct.pack("<i", 1)), element(0x0A, "n", b""))
EVERY_TYPE = [
    (0x01, struct.pack("<d", 3.25)), (0x01, struct.pack("<d", -0.0)),
    (0x01, bytes.fromhex("010000000000f87f")),  # a NaN with a payload
    (0x02, text("床前明月光")), (0x02, text("")), (0x02, text("a\0b")),
    (0x03, INNER), (0x03, document()),
    (0x04, document(element(0x10, "0", struct.pack("<i", 1)), element(0x02, "1", text("二")))),
    (0x05, struct.pack("<iB", 3, 0) + b"\0\1\2"), (0x05, struct.pack("<iB", 2, 0x80) + b"\xff\0"),
    (0x05, struct.pack("<iBi", 7, 2, 3) + b"old"), (0x05, struct.pack("<iB", 16, 4) + bytes(16)),
    (0x06, b""), (0x07, bytes(range(12))), (0x08, b"\0"), (0x08, b"\1"),
    (0x09, struct.pack("<q", -1)), (0x0A, b""), (0x0B, b"^a/b\0im\0"),
    (0x0C, text("db.coll") + bytes(range(12))), (0x0D, text("return 1;")), (0x0E, text("symbol")),
    (0x0F, with_length(text("return x;") + INNER)),
    (0x10, struct.pack("<i", -2**31)), (0x11, struct.pack("<II", 7, 2**32 - 1)),
    (0x12, struct.pack("<q", 1)), (0x12, struct.pack("<q", -2**63)),
    (0x13, bytes.fromhex("01000000000000000000000000003e30")), (0xFF, b""), (0x7F, b""),
]


@case
def echo_every_type():
    """Alone, all in a document, and all in an array; the whole reply is compared."""
    equal(len({kind for kind, _ in EVERY_TYPE}), 21)
    raw = CodecOptions(document_class=RawBSONDocument)
    everything = [element(kind, f"键{i}", data) for i, (kind, data) in enumerate(EVERY_TYPE)]
    listed = [element(kind, str(i), data) for i, (kind, data) in enumerate(EVERY_TYPE)]
    ok = element(0x01, "ok", struct.pack("<d", 1))
    for kind, data in [*EVERY_TYPE, (0x03, document(*everything)), (0x04, document(*listed))]:
        arguments = RawBSONDocument(document(element(kind, "value", data)))
        got = demo.command("echo", arguments, codec_options=raw).raw
        expected = document(element(kind, "reply", data), ok)
        assert got == expected, f"type {kind:#x}: got {got.hex():.400}, not {expected.hex():.400}"


@case
def big_argument_and_reply():
    data = bytes(range(256)) * (BIG // 256)
    equal(len(data), BIG)
    assert demo.command("echo", [data])["reply"] == data, "another value came back"
    letters = demo.command("big", [BIG])["reply"]
    assert letters == "x" * BIG, f"{len(letters)} letters"
    with raises(errors.OperationFailure, 10334):
        demo.command("big", [2**24 + 1])
    equal(demo.command("add", [2, 3])["reply"], 5)


@case
def hundred_concurrent():
    """In turn they would take 100 seconds, and each must get its own answer."""
    start = time.monotonic()

    def body(i):
        equal(demo.command("sleep_ms", [1000])["reply"], 1000)
        for n in range(5):
            equal(demo.command("add", [1000 * i, n])["reply"], 1000 * i + n)
    for join in [in_background(body, i) for i in range(100)]:
        join()
    assert time.monotonic() - start < 50, "they ran in turn"
