"""The proxy as a program, from outside: proxy_test.py OOCRPC_PROXY OOCRPCD POEM."""
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import oocrpc_base  # noqa: E402

PROXY, DAEMON, POEM = sys.argv[1:4]
TEXT = pathlib.Path(POEM).read_bytes()
CALLERS = 1000
failures = 0
passed = 0


def check(what, ok, detail=""):
    global failures, passed
    passed += bool(ok)
    failures += not ok
    if not ok:
        print(f"FAILED: {what} {detail}")


class daemon:
    """A program, from its ready line to SIGTERM and exit code 0."""

    def __init__(self, *args):
        self.process = subprocess.Popen(args, stdout=subprocess.PIPE, text=True)
        self.ready = self.process.stdout.readline()
        check(f"{args[0]} says that it is ready", "ready" in self.ready, self.ready)
        self.url = (re.findall(r"oocrpc://[^ ,\n]+", self.ready) or [""])[0]
        self.text = (re.findall(r"text ([^ ,\n]+):(\d+)", self.ready) or [("", 0)])[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        check(f"{self.process.args[0]} exits with 0 on SIGTERM", self.process.wait(30) == 0)

    def call(self, method):
        with oocrpc_base.client(self.url) as c:
            return c.call(method)

    def connect(self):
        return socket.create_connection((self.text[0], int(self.text[1])))


def read_all(s):
    data = b""
    while chunk := s.recv(65536):
        data += chunk
    return data


def until(condition, seconds=20.0):
    """How long it took, in seconds; none where it never came true."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        if condition():
            return time.monotonic() - start
        time.sleep(0.002)
    return None


def poetry(*slow):
    return daemon(DAEMON, "poetry", "--poem", POEM, "--listen", "oocrpc://127.0.0.1:0", *slow)


def proxy(upstream, *more):
    return daemon(PROXY, "--listen", "oocrpc://127.0.0.1:0", "--upstream", upstream, "--text",
                  "127.0.0.1:0=poetry.get_poem", "--max-connections-per-address", str(2 * CALLERS),
                  *more)


def test_one_call_for_all():
    # The poem takes about 2 seconds; on a slow machine that is still long enough to connect.
    with poetry("--bytes", str(len(TEXT) // 4), "--delay", "0.4") as up, \
            proxy(up.url, "--cache", "poetry.get_poem=60s") as p:
        clients = [p.connect() for _ in range(CALLERS)]
        texts = [read_all(s) for s in clients]
        check("all clients get the poem", all(t == TEXT for t in texts))
        stats = up.call("poetry.stats")
        check("the upstream server had one call", stats["begun"] == 1, stats)
        stats = p.call("proxy.stats")
        check("the rest joined or hit", stats["joined"] + stats["hits"] == CALLERS - 1, stats)
        for s in clients:
            s.close()


def test_all_hang_up():
    with poetry("--bytes", "1", "--delay", "60") as up, proxy(up.url) as p, \
            oocrpc_base.client(up.url) as watch, oocrpc_base.client(p.url) as watch_proxy:
        clients = [p.connect() for _ in range(CALLERS)]
        waiting = lambda s: s["joined"] + s["misses"] == CALLERS  # noqa: E731
        check("all wait", until(lambda: waiting(watch_proxy.call("proxy.stats"))) is not None)
        check("one call is in flight", watch.call("poetry.stats")["in_flight"] == 1)
        for s in clients[1:]:
            s.close()
        time.sleep(0.05)
        check("the last one keeps it", watch.call("poetry.stats")["in_flight"] == 1)
        clients[0].close()
        took = until(lambda: watch.call("poetry.stats")["in_flight"] == 0, 2)
        check("the upstream call stops when the last client has gone", took is not None)
        print(f"last of {CALLERS} hung up: the upstream call stopped after "
              f"{1000 * (took or 0):.1f} ms")

        clients = [p.connect() for _ in range(CALLERS)]
        check("all wait again",
              until(lambda: watch_proxy.call("proxy.stats")["joined"] == 2 * CALLERS - 2))
        for s in clients:
            s.close()
        took = until(lambda: watch.call("poetry.stats")["in_flight"] == 0, 2)
        check("the upstream call stops when all hang up at once", took is not None)
        print(f"all {CALLERS} hung up: the upstream call stopped after {1000 * (took or 0):.1f} ms")
        check("both were cancelled", watch_proxy.call("proxy.stats")["upstream_cancelled"] == 2)


def test_embedded_poetry():
    with daemon(PROXY, "--embedded-poetry", "--listen", "oocrpc://127.0.0.1:0", "--text",
                "127.0.0.1:0=poetry.get_poem", "--cache", "poetry.get_poem=60s") as p:
        with p.connect() as s:
            check("the text port tells the embedded poem", read_all(s) == TEXT)
        check("calls do, too", p.call("poetry.get_poem") == TEXT.decode())
        stats = p.call("proxy.stats")
        check("the second was a hit", stats["hits"] == 1 and stats["upstream_calls"] == 1, stats)


LOGGED = re.compile(r"\d{4}-\d\d-\d\d \S+ info ")  # what was started and stopped before the error


def complaint(*args):
    done = subprocess.run(args, capture_output=True, text=True, timeout=60)
    lines = [line for line in done.stderr.splitlines() if not LOGGED.match(line)]
    check(f"{args[1:]} is one line", len(lines) == 1, done.stderr)
    return done.returncode, lines[-1]


def test_bad_input():
    upstream = ("--upstream", "oocrpc://127.0.0.1:1")
    listen = ("--listen", "oocrpc://127.0.0.1:0")
    for wrong in (("--cache", "m=5"), ("--cache-bytes", "9 apples"), ("--text", "127.0.0.1:0"),
                  ("--upstream", "http://x"), ("--threads", "2")):
        code, line = complaint(PROXY, *listen, *upstream, *wrong)
        check(f"{wrong} is refused", code == 64, line)
    check("an upstream is required", complaint(PROXY, *listen)[0] == 64)
    check("--listen is required", complaint(PROXY, *upstream)[0] == 64)
    check("an unreadable file", complaint(PROXY, "--config", "/no/such/file")[0] == 66)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for where in (("--listen", f"oocrpc://127.0.0.1:{port}"),
                      (*listen, "--text", f"127.0.0.1:{port}=m")):
            code, line = complaint(PROXY, *upstream, *where)
            check("a port in use", code == 69 and f"127.0.0.1:{port}" in line, line)


def test_config():
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "proxy.toml"

        def wrong(text, where, *words):
            path.write_text(text)
            code, line = complaint(PROXY, "--config", str(path))
            check(f"{text!r} is refused", code == 78 and f"{path}{where}" in line, line)
            for word in words:
                check(f"{text!r} is named", word in line, line)

        wrong('listen = "oocrpc://127.0.0.1:0"\nnonsense = 1\n', ":2:1: ", "nonsense")
        wrong('cache = ["a",\n  "b=5 parsecs"]\n', ":2:3: ", "cache", "5 parsecs")
        wrong('cache-bytes = "9 apples"', ":1:15: ", "cache-bytes")
        wrong('upstream = {a = 1}', ":1:12: ", "upstream")
        wrong('listen = [[1]]', ":1:11: ", "listen")
        wrong('x = = 3', ":1:5: ")
        wrong('config = "x"', ":1:1: ", "config")

        path.write_text('listen = "oocrpc://127.0.0.1:0"\ncache = ["poetry.get_poem=1h"]\n'
                        'cache-bytes = "2MiB"\nvary = ["tenant"]\nembedded-poetry = true\n')
        with daemon(PROXY, "--config", str(path), "--cache-bytes", "1MiB") as p:
            for _ in range(2):
                check("the file's upstream", p.call("poetry.get_poem") == TEXT.decode())
            stats = p.call("proxy.stats")
            check("the file's rules", stats["hits"] == 1, stats)
            check("the command line wins", stats["limit_bytes"] == 1 << 20, stats)


for name, test in list(globals().items()):
    if name.startswith("test_"):
        test()
print(f"{passed} passed, {failures} failed")
sys.exit(failures > 0)
