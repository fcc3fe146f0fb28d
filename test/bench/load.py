"""Cases in which clients load servers: calls a second, latencies, processor time."""
import contextlib
import dataclasses
import statistics
import sys

from bars import case
from crowd import crowd
from programs import BENCH, OOCRPCD, PROXY, server


@dataclasses.dataclass
class shape:
    connections: int
    in_flight: int
    size: int = 0  # of an echo in bytes; 0: add(2, 3)

    def words(self, port, seconds):
        return [port, self.connections, self.in_flight, seconds, self.size]


@dataclasses.dataclass
class contestant:
    name: str
    servers: list  # functions of the port of the one before
    client: object  # function of port and the words of the shape
    shape: object = None  # else the case's
    front_beside_client: bool = False  # else all servers are on one processor
    idle: int = 0  # connections that are open beside those that call


def peer(name, program, **more):
    """A reference: a server and a client in one program."""
    at = BENCH / program
    if not at.exists():
        return None
    return contestant(name, [lambda _: [at, "server", 0]], lambda words: [at, "client", *words],
                      **more)


def demo(_=None):
    return [OOCRPCD, "demo", "--threads", 1, "--no-pidfile", "--listen", "oocrpc://127.0.0.1:0",
            "--max-connections", 20000, "--max-connections-per-address", 20000]


def proxy(*cached):
    def command(port):
        words = [PROXY, "--no-pidfile", "--listen", "oocrpc://127.0.0.1:0",
                 "--upstream", f"oocrpc://127.0.0.1:{port}"]
        for method in cached:
            words += ["--cache", method]
        return words
    return command


def ours(name="oocrpc", kind="typed", protocol="oocrpc", servers=(demo,), **more):
    return contestant(name, list(servers),
                      lambda words: [BENCH / "calls", protocol, kind, *words], **more)


def raw(name="Asio alone", **more):
    return peer(name, "raw_echo", **more)


def references():
    return [p for p in (peer("gRPC", "peers/grpc_echo"), peer("Cap'n Proto", "peers/capnp_echo"),
                        peer("Thrift", "peers/thrift_echo")) if p]


@dataclasses.dataclass
class load_case(case):
    shape: object
    contestants: list
    one_processor: bool = False

    columns = (("calls/s", "calls_per_s", ",.0f"), ("p50 us", "p50_us", ",.1f"),
               ("p99 us", "p99_us", ",.1f"), ("CPU us/call", "cpu_us_per_call", ",.2f"),
               ("server", "server_cpu_us_per_call", ",.2f"), ("MB/s", "mb_per_s", ",.0f"))

    def measure(self, rounds, seconds):
        """The medians of each contestant."""
        runs = {c.name: [] for c in self.contestants}
        for i in range(rounds):
            for c in self.contestants:
                runs[c.name].append(self.measure_once(c, seconds))
            print(f"{self.name} {i + 1}/{rounds}: " +
                  ", ".join(f"{n} {r[-1]['calls_per_s']:,.0f}/s" for n, r in runs.items()),
                  file=sys.stderr)
        return {name: {key: statistics.median(r[key] for r in all) for key in all[0]} |
                {"calls_per_s_range": [min(r["calls_per_s"] for r in all),
                                       max(r["calls_per_s"] for r in all)]}
                for name, all in runs.items()}

    def measure_once(self, c, seconds):
        which = c.shape or self.shape
        with contextlib.ExitStack() as stack:
            s = stack.enter_context(server(c, self.one_processor))
            if c.idle:
                stack.enter_context(crowd(s.port, c.idle, call=True))
            result = s.load(which, seconds)
        if which.size:
            result["mb_per_s"] = result["calls_per_s"] * which.size / 1e6
        return result
