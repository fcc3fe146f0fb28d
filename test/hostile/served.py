"""An oocrpcd to be hostile to: how to start it, what it holds, and how much memory it takes."""
import json
import os
import pathlib
import re
import secrets
import signal
import socket
import ssl
import subprocess
import tempfile
import time

from wire import mongo, native
import scram_client
from oocrpc_base import decode, remote_error

PATIENCE = 60  # seconds until something that does not happen is a failure
SHORT = {"first-frame-timeout": "1s", "frame-timeout": "1s", "idle-timeout": "1500ms",
         "write-timeout": "1s"}
KEPT_BY_ASAN = 16  # MiB of freed memory


def until(true, what, seconds=PATIENCE):
    """Polls until true() gives something, and returns that; ever less often, as a look at a server
    that has much to do costs it time."""
    start, pause = time.monotonic(), 0.01
    while not (value := true()):
        if time.monotonic() - start > seconds:
            raise AssertionError(f"this did not happen in {seconds} s: {what()}")
        time.sleep(pause)
        pause = min(0.25, 1.5 * pause)
    return value


class visitor:
    """A connection of ours that asks what the server holds; a context manager."""

    def __init__(self, server, framing):
        self.framing, self.number = framing, 0
        self.socket = socket.create_connection(server.address, PATIENCE)
        if server.tls:
            self.socket = server.tls.wrap_socket(self.socket, server_hostname="localhost")
        self.stream = self.socket.makefile("rb")
        if server.password:
            scram_client.log_in(self.sasl, "good", server.password)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()
        self.socket.close()

    def call(self, method, *arguments):
        self.socket.sendall(native.call(method, *arguments, id=1))
        answer = decode(self.stream.read(int.from_bytes(self.stream.read(4), "big")))
        if "error" in answer:
            raise remote_error(answer["error"]["message"], answer["error"]["detail"])
        return answer["reply"]

    def command(self, body):
        self.socket.sendall(mongo.command(body, "admin"))
        length = int.from_bytes(self.stream.read(4), "little")
        return decode(self.stream.read(length - 4)[17:])

    def sasl(self, payload, starts):
        if self.framing is native:
            how = ("oocrpc.sasl_start", "SCRAM-SHA-256") if starts else ("oocrpc.sasl_continue",)
            return self.call(*how, payload)["payload"]
        how = {"saslStart": 1, "mechanism": "SCRAM-SHA-256"} if starts else {
            "saslContinue": 1, "conversationId": 1}
        answer = self.command({**how, "payload": payload.encode(),
                               "options": {"skipEmptyExchange": True}})
        assert answer["ok"] == 1, answer
        return answer["payload"].decode()


class served:
    """A running oocrpcd; a context manager."""

    def __init__(self, program, where):
        self.directory = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.directory.name)
        self.log = self.path / "log"
        self.errors = open(self.path / "stderr", "w+")
        self.tls, self.password, self.program = None, None, program
        listen, options = "oocrpc://127.0.0.1:0", []
        if where == "short":
            options = [w for name, v in SHORT.items() for w in (f"--{name}", v)]
        if where in ("login", "tls-login"):
            options += self.make_user()
        if where in ("tls", "tls-login"):
            listen = "oocrpcs://127.0.0.1:0"
            options += self.make_certificate()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("OOCRPC_")}
        environment["ASAN_OPTIONS"] = ":".join(filter(None, (
            environment.get("ASAN_OPTIONS"), f"quarantine_size_mb={KEPT_BY_ASAN}")))
        self.process = subprocess.Popen(
            [program, "--logfile", self.log, "--log-format", "json", "demo", "--listen", listen,
             *options], stdout=subprocess.PIPE, stderr=self.errors, text=True, env=environment)
        found = re.search(r"127.0.0.1:(\d+)", self.process.stdout.readline())
        if not found:
            self.process.wait()
            raise AssertionError(f"oocrpcd does not start: {self.said()}")
        self.address = ("127.0.0.1", int(found[1]))

    def make_user(self):
        self.password = secrets.token_hex(8)
        (self.path / "password").write_text(self.password + "\n")
        users = self.path / "users.toml"
        subprocess.run([self.program, "user", "add", "good", "--file", users, "--role", "admin",
                        "--password-file", self.path / "password"], check=True,
                       stdout=subprocess.DEVNULL)
        return ["--users", users]

    def make_certificate(self):
        name = self.path / "certificate"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2",
                        "-keyout", f"{name}.key", "-out", f"{name}.pem"], check=True,
                       stderr=subprocess.DEVNULL)
        self.tls = ssl.create_default_context(cafile=f"{name}.pem")
        return ["--tls-certificate", f"{name}.pem", "--tls-key", f"{name}.key"]

    def good_client(self, framing):
        """The URL that a good client calls, and its options."""
        user = "good@" if self.password else ""
        scheme = "oocrpcs" if self.tls and framing is native else framing.scheme
        end = "/?tls=true" if self.tls and framing is mongo else ""
        options = ["--password-file", str(self.path / "password")] if self.password else []
        options += ["--tls-ca", str(self.path / "certificate.pem")] if self.tls else []
        return f"{scheme}://{user}127.0.0.1:{self.address[1]}{end}", options

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.errors.close()
        self.directory.cleanup()

    def said(self):
        self.errors.seek(0)
        return self.errors.read()[-6000:]

    def stop(self):
        """SIGTERM; what is left then is a leak, which a sanitizer finds."""
        self.process.send_signal(signal.SIGTERM)
        if code := self.process.wait(PATIENCE):
            raise AssertionError(f"oocrpcd ended with {code}: {self.said()}")

    def require_alive(self):
        if self.process.poll() is not None:
            raise AssertionError(f"oocrpcd ended with {self.process.returncode}: {self.said()}")

    def status(self, name):
        """A line of /proc/PID/status, in bytes."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{name}:\s*(\d+) kB", text)[1]) << 10

    def memory(self):
        return self.status("VmRSS")

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def peak(self):
        return self.status("VmHWM")

    def dumped(self):
        """The numbers of what is suspended, and of tasks, as SIGUSR1 tells them."""
        before = self.log.stat().st_size
        self.process.send_signal(signal.SIGUSR1)

        def end():
            with open(self.log, "rb") as f:
                f.seek(before)
                for line in f:
                    if b'"dump"' in line and b'"end"' in line and line.endswith(b"\n"):
                        return json.loads(line)["fields"]
        fields = until(end, lambda: "a dump")
        return int(fields["calls"]), int(fields["tasks"])

    def holds(self, wanted=None):
        """All that has to be as it was once a peer has left; our own connections are part of it.
        Where that is not `wanted`, what it takes a dump to know is left out: a dump of thousands
        of calls is work that keeps them from ending."""
        with visitor(self, native) as n, visitor(self, mongo) as m:
            status = m.command({"serverStatus": 1})  # before the stats, so that both are counted
            stats = n.call("demo.stats")
            held = {"sockets": len(os.listdir(f"/proc/{self.process.pid}/fd")),
                    "connections": stats["connections"], "in flight": stats["in_flight"],
                    "cursors": status["metrics"]["cursor"]["open"]["total"],
                    "suspended": status["oocrpc"]["suspended"]}
            if wanted is None or held.items() <= wanted.items():
                held["calls"], held["tasks"] = self.dumped()
            return held

    def rests(self):
        """What it holds when only we are there."""
        held = {}

        def alone():
            nonlocal held
            held = self.holds()
            return held["connections"] == 2
        until(alone, lambda: f"nobody is there but us: {held}")
        return held


def words_of(*command):
    """The long options that a program tells."""
    text = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^\s+(?:-\w,)?--([a-z-]+)", text, re.M))


def is_sanitized(program):
    return b"__asan_init" in pathlib.Path(program).read_bytes()
