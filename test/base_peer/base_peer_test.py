#!/usr/bin/env python3
"""A peer that knows only the base protocol, as client and as server of our programs.

usage: base_peer_test.py PROGRAM, where PROGRAM is base_peer_cpp.
"""
import socket
import subprocess
import sys
import threading

from base import connect, frame, frames

CALLS = 10_000
program = sys.argv[1]


def as_client():
    """10,000 calls in one go; plain and coroutine handlers; the answers come in order."""
    server = subprocess.Popen([program, "serve"], stdout=subprocess.PIPE, stdin=subprocess.PIPE,
                              text=True)
    try:
        with connect(server.stdout.readline().strip()) as s:
            calls = b"".join(
                frame({"call": {"funcname": "add" if i % 2 else "add_later", "arguments": [i, 1]}})
                for i in range(CALLS))
            sending = threading.Thread(target=s.sendall, args=(calls,))
            sending.start()
            answers = frames(s.makefile("rb"))
            for i in range(CALLS):
                answer = next(answers)
                assert answer == {"reply": i + 1}, (i, answer)
            sending.join()
            for call, expected in [
                ({"funcname": "nothing"}, {"reply": "noreply"}),
                ({"funcname": "add", "arguments": {"b": 2, "a": 1}}, {"reply": 3}),
                ({"funcname": "missing"},
                 {"error": {"message": "no_such_method", "detail": "'missing': no such method"}}),
                ({"funcname": "add", "arguments": [1]},
                 {"error": {"message": "invalid_argument", "detail": "b: missing, expected int32"}}),
            ]:
                s.sendall(frame({"info": {"note": "a base peer may say anything"}}))
                s.sendall(frame({"call": call}))
                answer = next(answers)
                assert answer == expected, answer
            s.sendall(frame({"call": {}}))
            answer = next(answers)
            assert answer["error"]["message"] == "protocol_error", answer
            assert next(answers, None) is None, "the connection should have ended"
    finally:
        server.communicate("", timeout=60)
    assert server.returncode == 0, server.returncode


def as_server():
    """Answers in order and without ids; our client pipelines, cancels one and misses nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"oocrpc://127.0.0.1:{listening.getsockname()[1]}"
        client = subprocess.Popen([program, "call", url, str(CALLS)])
        s, _ = listening.accept()
        with s:
            kinds = set()
            out = b""
            for body in frames(s.makefile("rb")):
                kinds |= body.keys() & {"call", "reply", "error", "info"}
                call = body["call"]
                if call["funcname"] == "fail":
                    out += frame({"error": {"message": "mine", "detail": "as asked"}})
                elif call["funcname"] == "add":
                    out += frame({"reply": sum(call["arguments"])})
                else:
                    out += frame({"reply": "noreply"})
                if len(out) > 1000 or call["funcname"] != "add":
                    s.sendall(out)
                    out = b""
    assert client.wait(timeout=60) == 0, client.returncode
    assert kinds == {"call"}, kinds


as_client()
as_server()
print("2 passed, 0 failed")
