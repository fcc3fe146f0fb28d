"""find, aggregate and commands that stream, the collection as the method."""
import bson
from bson.son import SON
from pymongo import errors, monitoring
from pymongo.command_cursor import CommandCursor
from pymongo.cursor import CursorType

from .support import case, connected, demo, equal, observer, raises, stats, until


class commands(monitoring.CommandListener):
    """The names of the commands that a client sent."""

    def __init__(self):
        self.names = []

    def started(self, event):
        self.names.append(event.command_name)

    def succeeded(self, event):
        pass

    failed = succeeded


@case
def find_one():
    equal(demo.add.find_one({"a": 2, "b": 3}), {"reply": 5})
    equal(demo.echo.find_one({"value": SON(y=1, x=2)}), {"y": 1, "x": 2})
    equal(demo.echo.find_one({"value": [{"x": 1}, {"x": 2}]}), {"x": 1})
    equal(demo.count.find_one({"n": 1_000_000}), {"reply": 0})
    equal(demo.count.find_one({"n": 0}), None)
    until(lambda: stats()["in_flight"] == 1)


@case
def find_batches():
    sent = commands()
    client = connected(event_listeners=[sent])
    client.admin.command("ping")  # after the login
    sent.names.clear()
    equal([d["reply"] for d in client.demo.count.find({"n": 10}, batch_size=3)], [*range(10)])
    equal(sent.names[0], "find")
    assert sent.names.count("getMore") >= 3, sent.names
    sent.names.clear()
    equal([d["reply"] for d in client.demo.count.find({"n": 1000})], [*range(1000)])
    assert "getMore" in sent.names, sent.names
    values = [{"x": i} for i in range(7)]
    equal(list(client.demo.echo.find({"value": values}, batch_size=2)), values)
    slow = [d["reply"] for d in client.demo.count_slow.find({"n": 5, "ms": 30})]
    equal(slow, [*range(5)])
    client.close()


@case
def find_limit():
    equal([d["reply"] for d in demo.count.find({"n": 1000}).limit(5)], [*range(5)])
    equal([d["reply"] for d in demo.count.find({"n": 1000}).limit(5).batch_size(2)], [*range(5)])
    equal([d["reply"] for d in demo.count.find({"n": 1000}).skip(3).limit(2)], [3, 4])
    equal([d["reply"] for d in demo.count.find({"n": 1000}).limit(-4)], [*range(4)])
    slow = demo.count_slow.find({"n": 5, "ms": 30}).limit(-4)  # one batch, and no other
    equal([d["reply"] for d in slow], [*range(4)])
    until(lambda: stats()["in_flight"] == 1)


@case
def early_cursor_close():
    until(lambda: stats()["in_flight"] == 1)
    before = stats()["cancelled"]
    cursor = demo.count.find({"n": 1_000_000_000}, batch_size=2)
    equal([next(cursor)["reply"] for _ in range(3)], [0, 1, 2])
    assert cursor.alive and cursor.cursor_id
    cursor.close()
    until(lambda: stats()["cancelled"] == before + 1 and stats()["in_flight"] == 1)
    gone = CommandCursor(demo["count"], {"id": bson.Int64(4711), "firstBatch": []}, None)
    with raises(errors.CursorNotFound, 43):
        next(gone)


@case
def aggregate_match():
    equal(list(demo.add.aggregate([{"$match": {"a": 2, "b": 3}}])), [{"reply": 5}])
    found = demo.count.aggregate([{"$match": {"n": 300}}], batchSize=50)
    equal([d["reply"] for d in found], [*range(300)])
    equal(len(list(demo.whoami.aggregate([]))), 1)


@case
def aggregate_other_stage_refused():
    for stages in ([{"$group": {"_id": 1}}], [{"$match": {"a": 2, "b": 3}}, {"$group": {}}]):
        with raises(errors.OperationFailure) as caught:
            demo.add.aggregate(stages)
        assert caught[0].code and "$group" in caught[0].details["errmsg"], caught[0].details


@case
def run_cursor_command():
    """pymongo has no such call, but a cursor can be made of a command's reply."""
    reply = demo.command("count", {"n": 250})
    equal(set(reply), {"cursor", "ok"})
    collection = demo[reply["cursor"]["ns"].split(".", 1)[1]]
    equal([d["reply"] for d in CommandCursor(collection, reply["cursor"], None)], [*range(250)])


@case
def exhaust_cursor():
    """An old OP_QUERY that asks for all replies without asking again."""
    client = connected(socketTimeoutMS=20_000)
    methods = client.demo
    for n in (0, 7, 1000):
        found = methods.count.find({"n": n}, cursor_type=CursorType.EXHAUST)
        equal([d["reply"] for d in found], [*range(n)])
    slow = methods.count_slow.find({"n": 3, "ms": 30}, cursor_type=CursorType.EXHAUST)
    equal([d["reply"] for d in slow], [*range(3)])
    with raises(errors.OperationFailure, 9):
        list(methods.add.find({"a": "x", "b": 1}, cursor_type=CursorType.EXHAUST))
    equal(methods.command("add", [2, 3])["reply"], 5)
    client.close()


@case
def old_rpc_mapping():
    call = {"funcname": "demo.add", "argstr": [[2, 3], {}]}
    named = {"funcname": "demo.add", "argstr": [[], {"a": 2, "b": 3}]}
    failing = {"funcname": "demo.fail", "argstr": [["没有", "诗"], {}]}
    rpc = observer.backend.rpc
    for function in (rpc.find_one, lambda q: list(rpc.find(q, cursor_type=CursorType.EXHAUST))[0]):
        equal(function(call), {"$result": 5})
        equal(function(named), {"$result": 5})
        equal(function(failing), {"$error": {"message": "没有", "detail": "诗"}})


@case
def list_databases_and_collections():
    assert "demo" in observer.list_database_names(), observer.list_database_names()
    names = demo.list_collection_names()
    assert {"add", "echo", "count_slow"} <= set(names), names
    equal(demo.list_collection_names(filter={"name": "add"}), ["add"])
