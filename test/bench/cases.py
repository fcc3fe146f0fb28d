"""What is measured, against what, and how good it has to be."""
import functools

from bars import bar
from costs import allocation_case, memory_case, system_call_case
from in_process import in_process_case
from load import load_case, ours, proxy, demo, raw, references, shape
from programs import BENCH

KIB, MIB = 1 << 10, 1 << 20
ONE_BY_ONE, II, III, IV = shape(1, 1), shape(1, 64), shape(64, 1), shape(16, 16)


@functools.cache
def all_cases():
    return [*adding(), *other_ways(), *echoing(), *scaling(), *costing(), *within_one_process()]


def everybody():
    return [raw(), ours(), *references()]


def against_all(name, raw_least, **peers_least):
    names = {"grpc": "gRPC", "capnp": "Cap'n Proto", "thrift": "Thrift"}
    return [bar(f"{name}, to Asio alone", "oocrpc", "Asio alone", raw_least)] + [
        bar(f"{name}, to {names[peer]}", "oocrpc", names[peer], least)
        for peer, least in peers_least.items()]


def adding():
    return [
        load_case("i", "demo.add, 1 connection x 1 in flight, both on one processor",
                  against_all("i", 0.85), ONE_BY_ONE, everybody(), one_processor=True),
        load_case("ii", "demo.add, 1 x 64", against_all("ii", 0.75, grpc=8, capnp=8, thrift=4),
                  II, everybody()),
        load_case("iii", "demo.add, 64 x 1", against_all("iii", 0.9), III, everybody()),
        load_case("iv", "demo.add, 16 x 16",
                  against_all("iv", 0.6, grpc=15, capnp=15, thrift=9), IV, everybody()),
    ]


def other_ways():
    return [
        load_case("kinds", "demo.add, 1 x 64: other ways to call",
                  [bar("dynamic to typed", "dynamic", "typed", 0.45),
                   bar("MongoDB to native", "MongoDB", "typed", 0.8)], II,
                  [ours("typed"), ours("dynamic", "dynamic"), ours("MongoDB", protocol="mongodb")]),
        load_case("handlers", "demo.add, 16 x 16: kinds of handlers",
                  [bar("coroutine to plain handler", "coroutine", "plain", 0.85),
                   bar("suspending to plain handler", "suspending", "plain", 0.5)], IV,
                  [ours("plain"), ours("coroutine", "coroutine"),
                   ours("suspending", "suspending")]),
        load_case("proxy", "demo.add through the proxy, 1 x 64",
                  [bar("cache hit to direct", "cached", "direct", 0.7),
                   bar("CPU of the proxy to the server's", "passed on", "passed on", most=1.5,
                       figure="front_cpu_us_per_call", their_figure="server_cpu_us_per_call")],
                  II, [ours("direct"), ours("cached", servers=(demo, proxy("demo.add=60s"))),
                       ours("passed on", servers=(demo, proxy()), front_beside_client=True)]),
    ]


def echoing():
    large = load_case("large", "echo of 64 KiB, 1 x 8",
                      [bar("64 KiB to Asio alone", "oocrpc", "Asio alone", 0.8)],
                      shape(1, 8, 64 * KIB), [raw(), ours()])
    return [large] + [
        load_case(f"{name}-echo-{label}",
                  f"echo of {label}, {of.connections} x {of.in_flight}",
                  [bar(f"{name}-echo-{label}, to Asio alone", "oocrpc", "Asio alone", 0.8)]
                  if (name, label) == ("ii", "24B") else [],
                  shape(of.connections, of.in_flight, size), everybody())
        for label, size in (("24B", 24), ("1K", KIB), ("64K", 64 * KIB))
        for name, of in (("i", ONE_BY_ONE), ("ii", II), ("iii", III), ("iv", IV))]


def scaling():
    sizes = {"64 KiB": 64 * KIB, "256 KiB": 256 * KIB, "1 MiB": MIB, "4 MiB": 4 * MIB,
             "15 MiB": 15 * MIB}
    return [
        load_case("deep", "demo.add, more in flight",
                  [bar("1,024 in flight to 64", "1 x 1,024", "1 x 64", 0.9)], II,
                  [ours("1 x 64"), ours("1 x 1,024", shape=shape(1, 1024)),
                   raw("Asio alone, 1 x 64"),
                   raw("Asio alone, 1 x 1,024", shape=shape(1, 1024))]),
        load_case("sizes", "echo of larger messages, 1 x 1",
                  [bar("bytes/s of 15 MiB to 1 MiB", "15 MiB", "1 MiB", 0.9, figure="mb_per_s"),
                   bar("15 MiB to Asio alone", "15 MiB", "Asio alone, 15 MiB", 0.8)],
                  ONE_BY_ONE,
                  [made(name, shape=shape(1, 1, size)) for label, size in sizes.items()
                   for made, name in ((ours, label), (raw, f"Asio alone, {label}"))]),
        load_case("crowd", "demo.add, 100 connections x 1, among others that are idle",
                  [bar("p99, 10,000 connections to 100", "10,000 open", "100 open", most=2,
                       figure="p99_us")], shape(100, 1),
                  [ours("100 open"), ours("10,000 open", idle=9900)]),
    ]


def costing():
    return [
        system_call_case("system-calls", "demo.add, 1 x 64: system calls",
                         [bar(f"system calls a call, {end}", "oocrpc", most=0.15,
                              figure=f"{end}_system_calls") for end in ("server", "client")],
                         II, [ours(), raw()]),
        allocation_case("allocations", "demo.add, 1 x 64: allocations once that is warm",
                        [bar(f"allocations a call, {end}", "plain handler", most=0,
                             figure=f"{end}_allocations") for end in ("server", "client")],
                        II, [ours("plain handler"), ours("coroutine", "coroutine"),
                             ours("suspending", "suspending"), ours("dynamic", "dynamic"),
                             ours("MongoDB", protocol="mongodb")]),
        memory_case("memory", "what the server keeps for an idle connection, of 2,000",
                    [bar("bytes for an idle connection", "after a call", most=2500,
                         figure="bytes_per_connection")], 2000, ours()),
    ]


def within_one_process():
    return [
        in_process_case("bson", "BSON in one process; to read is to validate and to decode",
                        [bar(f"BSON: {what}, to {library}", f"{what}/oocrpc", f"{what}/{library}",
                             most=most, figure="ns")
                         for what, library, most in (("read/call", "libbson", 0.5),
                                                     ("read/call", "nlohmann", 0.1),
                                                     ("validate/text 64K", "libbson", 0.1))],
                        BENCH / "in_process/bson"),
        in_process_case("in-memory", "calls within one process, over a connection in memory",
                        [], BENCH / "in_process/in_memory"),
    ]
