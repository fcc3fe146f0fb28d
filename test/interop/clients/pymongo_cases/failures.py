"""Errors, deadlines, hanging up, killOp: how a call ends without a result."""
import signal
import subprocess
import sys
import time

from pymongo import errors

from .support import (FOREVER, case, connected, demo, equal, in_background, observer, raises, stats,
                      until)


@case
def error_with_code_and_chinese_text():
    said = {"message": "诗词不存在", "detail": "找不到《静夜思》"}
    with raises(errors.OperationFailure, 8000) as caught:
        demo.command("fail", said)
    equal(caught[0].details,
          {"ok": 0.0, "errmsg": said["detail"], "code": 8000,
           "codeName": "OocrpcApplicationError", "oocrpc": said})
    with raises(errors.OperationFailure, 8000):
        demo.fail.find_one(said)
    with raises(errors.OperationFailure, 13):
        demo.command("fail", ["permission_denied"])
    with raises(errors.OperationFailure, 462) as caught:
        demo.command("fail", ["overloaded"])
    assert all(map(caught[0].has_error_label, ("SystemOverloadedError", "RetryableError")))
    with raises(errors.OperationFailure, 8000) as caught:  # 43 says what is not so here
        demo.command("fail", ["cursor_not_found"])
    equal(caught[0].details["oocrpc"]["message"], "cursor_not_found")


@case
def unknown_method():
    with raises(errors.OperationFailure, 59) as caught:
        demo.command("subtract", [2, 3])
    equal(caught[0].details["codeName"], "CommandNotFound")
    assert "subtract" in caught[0].details["errmsg"], caught[0]
    for name in ("Add", "ADD"):  # only built-in names match without regard to case
        with raises(errors.OperationFailure, 59):
            demo.command(name, [2, 3])
    with raises(errors.OperationFailure, 59):
        demo.subtract.find_one()
    equal(demo.command("add", [2, 3])["reply"], 5)


@case
def wrong_argument():
    why = "a: expected int or double, got string"
    wrong = {"a": "二", "b": 3}
    for refused in (lambda: demo.command("add", ["二", 3]), lambda: demo.command("add", 1, **wrong),
                    lambda: demo.add.find_one(wrong)):
        with raises(errors.OperationFailure, 9) as caught:
            refused()
        equal((caught[0].details["errmsg"], caught[0].details["codeName"]), (why, "FailedToParse"))
    for surplus in ([1, 2, 3], [1], {"a": 1, "b": 2, "c": 3}):
        with raises(errors.OperationFailure, 9):
            demo.command("add", surplus)


@case
def deadline():
    before, start = stats()["cancelled"], time.monotonic()
    with raises(errors.ExecutionTimeout, 50) as caught:
        demo.command("sleep_ms", [FOREVER], maxTimeMS=100)
    equal(caught[0].details["codeName"], "MaxTimeMSExpired")
    with raises(errors.ExecutionTimeout, 50):
        list(demo.sleep_ms.find({"ms": FOREVER}).max_time_ms(100))
    took = time.monotonic() - start
    assert 0.2 <= took < 20, took
    until(lambda: stats()["cancelled"] >= before + 2)
    equal(demo.command("sleep_ms", [1], maxTimeMS=60_000)["reply"], 1)


@case
def cancel_by_closing():
    """By a timeout of the socket, and by a process that is killed."""
    before = stats()
    client = connected(socketTimeoutMS=200)
    with raises(errors.NetworkTimeout):
        client.demo.command("sleep_ms", [FOREVER])
    until(lambda: stats()["cancelled"] == before["cancelled"] + 1)
    client.close()
    process = subprocess.Popen([sys.executable, sys.argv[0], "--hang"])
    until(lambda: stats()["in_flight"] == 2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: stats()["cancelled"] == before["cancelled"] + 2)
    until(lambda: stats()["in_flight"] == 1)


@case
def current_op_and_kill_op():
    def killed():
        with raises(errors.OperationFailure, 11601) as caught:
            demo.command("sleep_ms", [FOREVER])
        equal(caught[0].details["codeName"], "Interrupted")
    join = in_background(killed)
    found = []

    def listed():
        found[:] = [op for op in observer.admin.command("currentOp")["inprog"]
                    if "sleep_ms" in str(op)]
        return found
    until(listed)
    equal(len(found), 1)
    equal(observer.admin.command("killOp", op=found[0]["opid"])["ok"], 1.0)
    join()
    until(lambda: stats()["in_flight"] == 1)
    assert not any("sleep_ms" in str(op)
                   for op in observer.admin.command("currentOp")["inprog"])
