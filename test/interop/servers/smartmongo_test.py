#!/usr/bin/env python3
"""Our command line client on the server of @push.rocks/smartmongo, which nobody here wrote.

usage: smartmongo_test.py OOCRPC PACKAGES

Left out is what that server does wrong: it answers unacknowledged writes, replaces every _id that
is no ObjectId, and understands neither compressed messages nor buildInfo.
"""
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from cases import cases, require_packages  # noqa: E402

TIMEOUT = 60
MANY = 250
EXIT_ERROR, EXIT_NO_CONNECTION = 1, 69


class server:
    """Serves as soon as it exists, until its stdin ends."""

    def __init__(self, packages):
        self.process = subprocess.Popen(
            [str(packages / "node"), str(HERE / "smartmongo.mjs")], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=dict(os.environ, OOCRPC_PACKAGES=str(packages)))
        for line in self.process.stdout:
            if found := re.match(r"ready (\S+)", line):
                self.url = found[1]
                return
        raise RuntimeError("smartmongo did not begin to serve")

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class client:
    """`oocrpc` as a function: the lines of its stdout as values."""

    def __init__(self, program, url):
        self.program = program
        self.url = url

    def run(self, name, *arguments, url=None, code=0):
        command = [self.program, name, url or self.url, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        return done

    def command(self, document, **options):
        """The reply, or the list of a cursor's documents."""
        out = self.run("command", "shop", json.dumps(document, ensure_ascii=False), **options).stdout
        return [json.loads(line) for line in out.splitlines()] if is_cursor(document) \
            else json.loads(out)

    def call(self, *arguments, **options):
        return self.run("call", *arguments, "--compact", **options).stdout

    def error(self, *arguments, code=EXIT_ERROR):
        return self.run(*arguments, code=code).stderr


def is_cursor(document):
    return next(iter(document)) in ("find", "aggregate", "listCollections")


def in_order(documents):
    return [d["n"] for d in documents]


# Each case leaves the collection `things` with documents n: 0 to MANY - 1.
class shop:
    def __init__(self, c, stop):
        self.c = c
        self.stop = stop

    def ping_by_command(self):
        assert self.c.command({"ping": 1})["ok"] == 1

    def ping_by_call(self):
        assert json.loads(self.c.call("admin.ping")) == {}

    def hello(self):
        reply = self.c.command({"hello": 1})
        assert reply["maxWireVersion"] >= 9, reply

    def insert_one(self):
        reply = self.c.command({"insert": "things", "documents": [{"n": 0, "text": "世界"}]})
        assert (reply["n"], reply["ok"]) == (1, 1), reply

    def insert_many(self):
        reply = self.c.command({"insert": "things", "documents": [{"n": n} for n in range(1, MANY)]})
        assert reply["n"] == MANY - 1, reply

    def find_batches(self):
        found = self.c.command({"find": "things", "sort": {"n": 1}, "batchSize": 20})
        assert in_order(found) == list(range(MANY)), found

    def find_filter(self):
        found = self.c.command({"find": "things", "filter": {"n": {"$lt": 5}}, "sort": {"n": -1}})
        assert in_order(found) == [4, 3, 2, 1, 0], found

    def find_limit(self):
        assert len(self.c.command({"find": "things", "limit": 7, "batchSize": 3})) == 7

    def find_nothing(self):
        assert self.c.command({"find": "things", "filter": {"n": -1}}) == []

    def call_of_a_cursor(self):
        lines = self.c.call("shop.listCollections").splitlines()
        assert [json.loads(line)["name"] for line in lines] == ["things"], lines

    def call_of_a_reply(self):
        reply = json.loads(self.c.call("admin.listDatabases"))
        assert "shop" in [d["name"] for d in reply["databases"]], reply
        assert "ok" not in reply, reply

    def database_of_the_url(self):
        lines = self.c.call("listCollections", url=self.c.url + "shop").splitlines()
        assert [json.loads(line)["name"] for line in lines] == ["things"], lines

    def aggregate(self):
        stages = [{"$match": {"n": {"$gte": MANY - 3}}}, {"$sort": {"n": 1}}]
        found = self.c.command({"aggregate": "things", "pipeline": stages, "cursor": {}})
        assert in_order(found) == [MANY - 3, MANY - 2, MANY - 1], found

    def update(self):
        change = {"q": {"n": 1}, "u": {"$set": {"text": "余额不足"}}}
        assert self.c.command({"update": "things", "updates": [change]})["n"] == 1
        found = self.c.command({"find": "things", "filter": {"text": "余额不足"}})
        assert in_order(found) == [1], found

    def delete(self):
        self.c.command({"insert": "others", "documents": [{"n": n} for n in range(3)]})
        reply = self.c.command({"delete": "others", "deletes": [{"q": {"n": 1}, "limit": 1}]})
        assert reply["n"] == 1, reply
        left = self.c.command({"find": "others", "sort": {"n": 1}})
        assert in_order(left) == [0, 2], left

    def types_come_back(self):
        document = {
            "_id": {"$oid": "0123456789abcdef01234567"}, "n": -1, "long": 1 << 40, "double": 0.5,
            "binary": {"$binary": {"base64": "AP8=", "subType": "80"}},
            "date": {"$date": "2023-11-14T22:13:20.123Z"}, "none": None, "yes": True,
            "decimal": {"$numberDecimal": "0.1000"}, "timestamp": {"$timestamp": {"t": 7, "i": 1}},
            "deep": {"b": [1, "two", {}], "a": []}, "text": "\U0001F600 \0 é",
            "pattern": {"$regularExpression": {"pattern": "^a", "options": "i"}},
            "least": {"$minKey": 1}, "most": {"$maxKey": 1}}
        self.c.command({"insert": "types", "documents": [document]})
        found = self.c.command({"find": "types"})
        assert found == [document], found
        assert list(found[0]) == list(document), found

    def duplicate_key(self):
        twice = {"_id": {"$oid": "00000000000000000000000a"}, "n": 1}
        insert = {"insert": "unique", "documents": [twice]}
        assert self.c.command(insert)["n"] == 1
        reply = self.c.command(insert)
        assert reply["writeErrors"][0]["code"] == 11000, reply

    def unknown_command(self):
        errors = self.c.error("command", "shop", '{"nonsense": 1}')
        assert re.match(r"oocrpc: no_such_method: .*nonsense", errors), errors
        assert "no_such_method" in self.c.error("call", "shop.nonsense", "1")

    def unknown_cursor(self):
        more = '{"getMore": {"$numberLong": "4711"}, "collection": "things"}'
        errors = self.c.error("command", "shop", more)
        assert re.match(r"oocrpc: cursor_not_found: ", errors), errors

    def list_databases(self):
        reply = json.loads(self.c.run("command", "admin", '{"listDatabases": 1}').stdout)
        assert "shop" in [d["name"] for d in reply["databases"]], reply

    def list_collections(self):
        found = self.c.command({"listCollections": 1, "cursor": {}})
        assert "things" in [d["name"] for d in found], found

    def bench(self):
        out = self.c.run("bench", "admin.ping", "-c", "2", "-i", "16", "-d", "1", "--warmup", "0",
                         "--json").stdout
        report = json.loads(out)
        assert report["calls"] > 0 and report["errors"] == 0, report

    def several_hosts(self):
        port = re.search(r":(\d+)/", self.c.url)[1]
        url = f"mongodb://127.0.0.1:1,127.0.0.1:{port}/"
        assert json.loads(self.c.call("admin.ping", url=url)) == {}

    def refused_after_its_end(self):
        self.stop()
        assert self.c.error("call", "admin.ping", code=EXIT_NO_CONNECTION)


def main(program, packages):
    packages = pathlib.Path(packages).resolve()
    require_packages("smartmongo", packages, "smartmongo")
    s = server(packages)
    told = cases()
    try:
        things = shop(client(program, s.url), s.stop)
        for name, case in vars(shop).items():
            if not name.startswith("_"):
                told.run(name, lambda case=case: case(things))
    finally:
        s.stop()
    told.end()


if __name__ == "__main__":
    main(*sys.argv[1:])
