#!/usr/bin/env python3
"""The proxy between the protocols: pymongo and our own client in front, our demo and smartmongo
behind.

usage: proxy_test.py OOCRPCD OOCRPC PACKAGES
"""
import json
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "servers")]
from cases import cases, go_on_with, require_packages  # noqa: E402
from demo_server import demo_server  # noqa: E402

go_on_with("pymongo")
import pymongo  # noqa: E402  pylint: disable=wrong-import-position
from smartmongo_test import server as smartmongo  # noqa: E402  pylint: disable=wrong-import-position

TIMEOUT = 30


class proxy:
    """The proxy in front of `upstream`, until stop()."""

    def __init__(self, program, upstream, *options):
        self.process = subprocess.Popen(
            [program, "proxy", "--listen", "oocrpc://127.0.0.1:0", "--upstream", upstream,
             "--drain-timeout", "1", *options], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.at = re.search(r"oocrpc://(\S+?:\d+)", line)[1]
        self.native = "oocrpc://" + self.at
        self.driver = pymongo.MongoClient("mongodb://" + self.at, serverSelectionTimeoutMS=10_000)

    def stop(self):
        self.driver.close()
        self.process.terminate()
        try:
            self.process.wait(TIMEOUT)
        finally:
            self.process.kill()
            self.process.stdout.close()


def until(what, condition):
    """Waits for what has to come; fails after TIMEOUT seconds."""
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.02)


class combinations:
    """Each case is told with the name of its function."""

    def __init__(self, oocrpcd, oocrpc, packages):
        self.oocrpcd, self.oocrpc = oocrpcd, oocrpc
        self.demo = demo_server(oocrpcd)
        native = self.demo.url.replace("mongodb", "oocrpc").rstrip("/")
        self.database = smartmongo(packages)
        cached = ("--cache", "demo.add=60s", "--cache", "demo.sleep_ms=60s")
        self.to_native = proxy(oocrpcd, native, *cached)
        self.to_mongodb = proxy(oocrpcd, self.demo.url, *cached)
        self.to_database = proxy(oocrpcd, self.database.url)

    def stop(self):
        for p in (self.to_native, self.to_mongodb, self.to_database):
            p.stop()
        self.database.stop()
        self.demo.stop()

    def ask(self, *arguments, code=0):
        done = subprocess.run([self.oocrpc, *arguments], capture_output=True, text=True,
                              timeout=TIMEOUT, check=False)
        assert done.returncode == code, (arguments, done)
        return done.stderr if code else done.stdout

    def stats(self, p):
        return p.driver.proxy.command({"stats": 1})["reply"]

    # A driver in front.

    def cached_calls_of_a_driver(self, p):
        before = self.stats(p)
        for _ in range(3):
            assert p.driver.demo.command({"add": [20, 3]})["reply"] == 23
        after = self.stats(p)
        assert after["misses"] - before["misses"] == 1, (before, after)
        assert after["hits"] - before["hits"] == 2, (before, after)

    def driver_native_cached(self):
        self.cached_calls_of_a_driver(self.to_native)

    def driver_mongodb_cached(self):
        self.cached_calls_of_a_driver(self.to_mongodb)

    def streams_of_a_driver(self, p):
        found = list(p.driver.demo["count"].find({"n": 250}, batch_size=20))
        assert [d["reply"] for d in found] == list(range(250)), found

    def driver_native_stream(self):
        self.streams_of_a_driver(self.to_native)

    def driver_mongodb_stream(self):
        self.streams_of_a_driver(self.to_mongodb)

    def errors_of_a_driver(self, p):
        try:
            p.driver.demo.command({"fail": ["broke", "余额不足"]})
        except pymongo.errors.OperationFailure as e:
            assert e.details["errmsg"] == "余额不足", e.details
            assert e.details["oocrpc"]["message"] == "broke", e.details
        else:
            raise AssertionError("no error")

    def driver_native_error(self):
        self.errors_of_a_driver(self.to_native)

    def driver_mongodb_error(self):
        self.errors_of_a_driver(self.to_mongodb)

    def one_flight_until_the_last_leaves(self, p):
        """Two drivers wait for one call and hang up: it is cancelled upstream."""
        before = self.stats(p)["upstream_calls"]
        waiting = []
        for _ in range(2):
            waiting.append(subprocess.Popen([sys.executable, "-c", (
                "import pymongo, sys\n"
                f"pymongo.MongoClient('mongodb://{p.at}').demo.command({{'sleep_ms': [59999]}})")]))
        try:
            until("two waiters", lambda: self.stats(p)["joined"] >= 1
                  and self.stats(p)["in_flight"] >= 1)
            assert self.stats(p)["upstream_calls"] > before
        finally:
            for w in waiting:
                w.kill()
                w.wait()
        until("the cancel upstream", lambda: self.stats(p)["in_flight"] == 0)

    def driver_native_single_flight_and_cancel(self):
        self.one_flight_until_the_last_leaves(self.to_native)

    def driver_mongodb_single_flight_and_cancel(self):
        self.one_flight_until_the_last_leaves(self.to_mongodb)

    # Our own client in front.

    def native_mongodb_call(self):
        assert self.ask("call", self.to_mongodb.native, "demo.add", "2", "3").strip() == "5"

    def native_mongodb_stream(self):
        lines = self.ask("call", self.to_mongodb.native, "demo.count", "100").split()
        assert lines == [str(n) for n in range(100)], lines

    def native_mongodb_error(self):
        errors = self.ask("call", self.to_mongodb.native, "demo.fail", "broke", "why", code=1)
        assert errors == "oocrpc: broke: why\n", errors

    def native_mongodb_deadline(self):
        errors = self.ask("call", self.to_mongodb.native, "--timeout", "50ms", "demo.count_slow",
                          "10", "10000", code=124)
        assert "deadline_exceeded" in errors, errors

    # A database behind, which nobody here wrote.

    def native_database_commands(self):
        at = self.to_database.native
        insert = json.dumps({"insert": "native", "documents": [{"n": n} for n in range(5)]})
        assert json.loads(self.ask("command", at, "shop", insert))["n"] == 5
        found = self.ask("command", at, "shop", '{"find": "native", "sort": {"n": 1}}')
        assert '"n":4' in found.replace(" ", ""), found

    def native_database_call(self):
        reply = json.loads(self.ask("call", self.to_database.native, "admin.listDatabases"))
        assert "shop" in [d["name"] for d in reply["databases"]], reply

    def driver_database_documents(self):
        things = self.to_database.driver.shop.things
        things.insert_many([{"n": n} for n in range(250)])
        found = [d["n"] for d in things.find({}, sort=[("n", 1)], batch_size=20)]
        assert found == list(range(250)), found
        assert things.update_one({"n": 7}, {"$set": {"text": "世界"}}).modified_count == 1
        assert things.find_one({"text": "世界"})["n"] == 7
        assert things.delete_many({"n": {"$gte": 200}}).deleted_count == 50
        assert len(list(things.aggregate([{"$match": {"n": {"$lt": 3}}}]))) == 3
        assert "things" in self.to_database.driver.shop.list_collection_names()
        assert "shop" in self.to_database.driver.list_database_names()

    def driver_database_early_close(self):
        cursor = self.to_database.driver.shop.things.find({}, batch_size=2)
        next(cursor)
        cursor.close()
        assert self.to_database.driver.shop.things.find_one()

    def driver_database_unknown_command(self):
        try:
            self.to_database.driver.shop.command({"nonsense": 1})
        except pymongo.errors.OperationFailure as e:
            assert e.code == 59, e.details
        else:
            raise AssertionError("no error")


def main(oocrpcd, oocrpc, packages):
    packages = pathlib.Path(packages).resolve()
    require_packages("proxies", packages, "smartmongo")
    told = cases()
    all_of = combinations(oocrpcd, oocrpc, packages)
    try:
        for name, case in vars(combinations).items():
            if name.startswith(("driver_", "native_")):
                told.run(name, lambda case=case: case(all_of))
    finally:
        all_of.stop()
    told.end()


if __name__ == "__main__":
    main(*sys.argv[1:])
