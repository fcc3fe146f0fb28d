"""What is measured, against what, and how good it has to be."""
import dataclasses
import functools

from programs import BENCH, OOCRPCD, PROXY

KIB = 1024


@dataclasses.dataclass
class contestant:
    name: str
    servers: list  # functions of the port of the one before
    client: object  # function of port, case and seconds


@dataclasses.dataclass
class bar:
    """A ratio of two contestants by a measure, and its least or greatest."""
    name: str
    ours: str
    theirs: str
    least: float = None
    most: float = None
    measure: tuple = ("calls_per_s", "calls_per_s")

    def known(self, found):
        return self.ours in found and self.theirs in found

    def of(self, found):
        return found[self.ours][self.measure[0]] / found[self.theirs][self.measure[1]]

    def met(self, value):
        return value >= self.least if self.least is not None else value <= self.most

    @property
    def text(self):
        return f">= {self.least}" if self.least is not None else f"<= {self.most}"


@dataclasses.dataclass
class case:
    name: str
    title: str
    connections: int
    in_flight: int
    size: int  # of an echo in bytes; 0: add(2, 3)
    contestants: list
    bars: list
    one_processor: bool = False


def load_words(port, c, seconds):
    return [port, c.connections, c.in_flight, seconds, c.size]


def peer(name, program):
    """A reference: a server and a client in one program."""
    at = BENCH / program
    if not at.exists():
        return None
    return contestant(name, [lambda _: [at, "server", 0]],
                      lambda port, c, seconds: [at, "client", *load_words(port, c, seconds)])


def demo(_=None):
    return [OOCRPCD, "demo", "--threads", 1, "--no-pidfile", "--listen", "oocrpc://127.0.0.1:0"]


def proxy(*cached):
    def command(port):
        words = [PROXY, "--no-pidfile", "--listen", "oocrpc://127.0.0.1:0",
                 "--upstream", f"oocrpc://127.0.0.1:{port}"]
        for method in cached:
            words += ["--cache", method]
        return words
    return command


def ours(name="oocrpc", kind="typed", protocol="oocrpc", servers=(demo,)):
    return contestant(name, list(servers), lambda port, c, seconds:
                      [BENCH / "calls", protocol, kind, *load_words(port, c, seconds)])


def references():
    return [p for p in (peer("gRPC", "peers/grpc_echo"), peer("Cap'n Proto", "peers/capnp_echo"),
                        peer("Thrift", "peers/thrift_echo")) if p]


def against_all(shape, raw_least, peers_least):
    return [bar(f"{shape}, to Asio alone", "oocrpc", "Asio alone", raw_least)] + [
        bar(f"{shape}, to {name}", "oocrpc", name, least) for name, least in peers_least.items()]


@functools.cache
def all_cases():
    raw = peer("Asio alone", "raw_echo")
    some = [raw, ours()]
    everybody = [raw, ours(), *references()]
    echo = [
        case(f"{shape}-echo-{label}", f"echo of {label}, {connections} x {in_flight}",
             connections, in_flight, size, everybody,
             [bar(f"{shape}-echo-{label}, to Asio alone", "oocrpc", "Asio alone", 0.8)]
             if (shape, label) == ("ii", "24B") else [])
        for label, size in (("24B", 24), ("1K", KIB), ("64K", 64 * KIB))
        for shape, connections, in_flight in (("i", 1, 1), ("ii", 1, 64), ("iii", 64, 1),
                                              ("iv", 16, 16))]
    return [
        case("i", "demo.add, 1 connection x 1 in flight, both on one processor", 1, 1, 0,
             everybody, against_all("i", 0.85, {}), one_processor=True),
        case("ii", "demo.add, 1 x 64", 1, 64, 0, everybody,
             against_all("ii", 0.75, {"gRPC": 8, "Cap'n Proto": 8, "Thrift": 4})),
        case("iii", "demo.add, 64 x 1", 64, 1, 0, everybody, against_all("iii", 0.9, {})),
        case("iv", "demo.add, 16 x 16", 16, 16, 0, everybody,
             against_all("iv", 0.6, {"gRPC": 15, "Cap'n Proto": 15, "Thrift": 9})),
        case("kinds", "demo.add, 1 x 64: other ways to call", 1, 64, 0,
             [ours("typed"), ours("dynamic", "dynamic"), ours("MongoDB", protocol="mongodb")],
             [bar("dynamic to typed", "dynamic", "typed", 0.45),
              bar("MongoDB to native", "MongoDB", "typed", 0.8)]),
        case("handlers", "demo.add, 16 x 16: kinds of handlers", 16, 16, 0,
             [ours("plain"), ours("coroutine", "coroutine"), ours("suspending", "suspending")],
             [bar("coroutine to plain handler", "coroutine", "plain", 0.85),
              bar("suspending to plain handler", "suspending", "plain", 0.5)]),
        case("large", "echo of 64 KiB, 1 x 8", 1, 8, 64 * KIB, some,
             [bar("64 KiB to Asio alone", "oocrpc", "Asio alone", 0.8)]),
        case("deep", "demo.add, 1 x 1024", 1, 1024, 0, some, []),
        case("proxy", "demo.add through the proxy, 1 x 64", 1, 64, 0,
             [ours("direct"), ours("cached", servers=(demo, proxy("demo.add=60s"))),
              ours("passed on", servers=(demo, proxy()))],
             [bar("cache hit to direct", "cached", "direct", 0.7),
              bar("CPU of the proxy to the server's", "passed on", "passed on", most=1.5,
                  measure=("front_cpu_us_per_call", "server_cpu_us_per_call"))]),
        *echo,
    ]
