"""Connections that are open and do nothing."""
import resource
import socket
import struct

# {call: {funcname: "demo.add", arguments: [2, 3]}, id: 1} in a frame of the native protocol.
ARGUMENTS = b"\x04arguments\0" + struct.pack("<i", 19) + b"\x100\0\2\0\0\0\x101\0\3\0\0\0\0"
NAMED = b"\x02funcname\0" + struct.pack("<i", 9) + b"demo.add\0" + ARGUMENTS
INNER = b"\x03call\0" + struct.pack("<i", len(NAMED) + 5) + NAMED + b"\0"
CONTENT = INNER + b"\x12id\0" + struct.pack("<q", 1)
BODY = struct.pack("<i", len(CONTENT) + 5) + CONTENT + b"\0"
CALL = struct.pack(">I", len(BODY)) + BODY


def allow_many_files():
    """As many open files as the system lets us have, also in the programs that are started."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class crowd:
    """So many connections to a server, each of which has made one call or none."""

    def __init__(self, port, number, call):
        self.address, self.number, self.call = ("127.0.0.1", int(port)), number, call
        self.all = []

    def __enter__(self):
        for i in range(self.number):
            s = socket.socket()
            # Each address has ports of its own; a reset leaves none of them waiting.
            s.bind((f"127.0.0.{2 + i % 8}", 0))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.connect(self.address)
            if self.call:
                s.sendall(CALL)
                if not s.recv(4096):
                    raise ConnectionError("the server hung up")
            self.all.append(s)
        return self

    def __exit__(self, *_):
        for s in self.all:
            s.close()
