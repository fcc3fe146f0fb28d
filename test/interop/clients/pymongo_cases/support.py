"""What the cases share: checks, clients, the server's figures."""
import contextlib
import os
import threading
import time

import pymongo

URL = os.environ["OOCRPC_URL"]
FOREVER = 600_000  # milliseconds
known = {}         # all cases by name


def case(function):
    known[function.__name__] = function
    return function


def equal(got, expected):
    assert got == expected, f"got {got!r:.300}, expected {expected!r:.300}"


def until(true, seconds=20):
    """Polls until true() holds."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "this did not happen in time"
        time.sleep(0.005)


@contextlib.contextmanager
def raises(kind, code=None):
    """The block raises that; its error stands in the list that this gives."""
    caught = []
    try:
        yield caught
    except kind as e:
        caught.append(e)
        assert code is None or e.code == code, f"code {e.code}, not {code}: {e}"
    else:
        raise AssertionError(f"no {kind.__name__}")


def connected(url=URL, **options):
    return pymongo.MongoClient(url, serverSelectionTimeoutMS=20_000, **options)


def stats():
    return observer.demo.command("stats")["reply"]


def in_background(function, *arguments):
    """Starts it; what this gives waits for its end and raises what it raised."""
    failure = []

    def body():
        try:
            function(*arguments)
        except BaseException as e:
            failure.append(e)

    thread = threading.Thread(target=body, daemon=True)
    thread.start()

    def join():
        thread.join(60)
        assert not thread.is_alive(), "a thread does not end"
        if failure:
            raise failure[0]
    return join


observer = connected()
demo = observer.demo
observer.admin.command("ping")  # ends the program where there is no server
