"""Servers that people log in to by SCRAM (RFC 5802, RFC 7677), made of Python's own hashes: one of
the native protocol and one of MongoDB's. Their method `who` says who it is. Standard library only."""
import base64
import contextlib
import hashlib
import hmac
import os
import socket
import struct
import threading

import oocrpc_base as base

ITERATIONS = 4096
HASHES = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-1": "sha1"}


def fields(message):
    return dict(part.split("=", 1) for part in message.split(","))


class refused(Exception):
    pass


class login:
    """One login: a message goes in, the next one comes out."""

    def __init__(self, passwords):
        self.passwords, self.user, self.done = passwords, None, False

    def start(self, mechanism, first):
        self.hash = HASHES[mechanism]
        self.bare = first.removeprefix("n,,")
        self.user = fields(self.bare)["n"].replace("=2C", ",").replace("=3D", "=")
        self.nonce = fields(self.bare)["r"] + base64.b64encode(os.urandom(12)).decode()
        password = self.passwords.get(self.user, os.urandom(8).hex())
        if self.hash == "sha1":
            password = hashlib.md5(f"{self.user}:mongo:{password}".encode()).hexdigest()
        salt = os.urandom(16)
        self.salted = hashlib.pbkdf2_hmac(self.hash, password.encode(), salt, ITERATIONS)
        self.first = f"r={self.nonce},s={base64.b64encode(salt).decode()},i={ITERATIONS}"
        return self.first

    def go_on(self, final):
        everything = ",".join([self.bare, self.first, final.rsplit(",p=", 1)[0]]).encode()
        client_key = hmac.digest(self.salted, b"Client Key", self.hash)
        stored_key = hashlib.new(self.hash, client_key).digest()
        signature = hmac.digest(stored_key, everything, self.hash)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        given = fields(final)
        if given["r"] != self.nonce or base64.b64decode(given["p"]) != proof:
            raise refused
        server_key = hmac.digest(self.salted, b"Server Key", self.hash)
        self.done = True
        signature = hmac.digest(server_key, everything, self.hash)
        return "v=" + base64.b64encode(signature).decode()


def native_reply(session, method, arguments):
    if method == "oocrpc.sasl_start":
        return {"payload": session.start(*arguments), "done": False}
    if method == "oocrpc.sasl_continue":
        return {"payload": session.go_on(*arguments), "done": True}
    if not session.done:
        raise refused
    return f"A poem for {session.user}\n" if method == "poetry.get_poem" else session.user


def serve_native(stream, send, session):
    """Answers as extended peers do, one call after the other."""
    while len(head := stream.read(4)) == 4:
        message = base.decode(stream.read(struct.unpack(">I", head)[0]))
        if "call" not in message:
            continue
        call = message["call"]
        try:
            reply = {"reply": native_reply(session, call["funcname"], call.get("arguments", []))}
        except refused:
            reply = {"error": {"message": "unauthenticated", "detail": "no login"}}
        if "id" in message:
            reply["id"] = message["id"]
        send(base.frame(reply))


def step(command, session):
    """What a SASL command is answered."""
    payload = command["payload"].decode()
    if "saslStart" in command:
        answer = session.start(command["mechanism"], payload)
    else:
        answer = session.go_on(payload)
    return {"conversationId": 1, "done": session.done, "payload": answer.encode()}


def mongodb_reply(session, command, speculates):
    name = next(iter(command))
    if name == "hello":
        reply = {"maxWireVersion": 21}
        if "saslSupportedMechs" in command:
            reply["saslSupportedMechs"] = list(HASHES)
        if speculates and "speculativeAuthenticate" in command:
            reply["speculativeAuthenticate"] = step(command["speculativeAuthenticate"], session)
        return reply
    if name in ("saslStart", "saslContinue"):
        return step(command, session)
    if not session.done:
        raise refused
    return {"reply": session.user}


def serve_mongodb(stream, send, session, speculates):
    """OP_MSG alone."""
    while len(head := stream.read(16)) == 16:
        length, request = struct.unpack("<ii", head[:8])
        command = base.decode(stream.read(length - 16)[5:])
        try:
            reply = {**mongodb_reply(session, command, speculates), "ok": 1.0}
        except refused:
            reply = {"ok": 0.0, "code": 18, "errmsg": "Authentication failed."}
        body = bytes(5) + base.encode(reply)
        send(struct.pack("<iiii", 16 + len(body), 1, request, 2013) + body)


@contextlib.contextmanager
def listening(passwords, serve):
    def talk(connection):
        with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError):
            serve(stream, connection.sendall, login(passwords))

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=talk, args=listener.accept()[:1], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield "127.0.0.1:%d" % listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def running(passwords):
    """The `host:port` of a native server."""
    return listening(passwords, serve_native)


def mongodb_running(passwords, speculates=True):
    """The same of MongoDB's protocol."""
    return listening(passwords, lambda *how: serve_mongodb(*how, speculates))
