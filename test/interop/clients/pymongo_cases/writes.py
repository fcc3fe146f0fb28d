"""insert: a call of the method that the collection names, for each document."""
import pymongo
from pymongo import errors

from .support import case, connected, demo, equal, raises, stats, until


@case
def insert_acknowledged():
    before = stats()["finished"]
    done = demo.add.insert_one({"a": 2, "b": 3})
    assert done.acknowledged
    equal(len(demo.add.insert_many([{"a": i, "b": 3} for i in range(20)]).inserted_ids), 20)
    assert stats()["finished"] >= before + 21
    equal(demo.command("insert", "add", documents=[{"a": 1, "b": 2}]), {"n": 1, "ok": 1.0})


@case
def insert_unacknowledged():
    """On one connection: were one of them answered, all later answers would be wrong."""
    client = connected(maxPoolSize=1, w=0)
    calls = client.get_database("demo", write_concern=pymongo.WriteConcern(1))
    before = stats()["finished"]
    for i in range(20):
        client.demo.add.insert_one({"a": i, "b": 3})
        client.demo.add.insert_one({"a": "wrong"})
        client.demo.no_such.insert_one({"a": i})
        client.demo.add.insert_many([{"a": i, "b": 3}, {"a": i, "b": 4}])
        equal(calls.command("add", [1000, i])["reply"], 1000 + i)
    until(lambda: stats()["finished"] >= before + 80)
    client.close()


@case
def write_errors():
    documents = [{"a": 1, "b": 2}, {"a": "x", "b": 2}, {"a": 3, "b": 4}]
    for ordered, done in ((True, 1), (False, 2)):
        with raises(errors.BulkWriteError) as caught:
            demo.add.insert_many([dict(d) for d in documents], ordered=ordered)
        [error] = caught[0].details["writeErrors"]
        equal((caught[0].details["nInserted"], error["index"], error["code"]), (done, 1, 9))
        equal(error["errmsg"], "a: expected int or double, got string")
    with raises(errors.WriteError, 8000):
        demo.fail.insert_one({"message": "没有"})
