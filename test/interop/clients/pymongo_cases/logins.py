"""Logins instead of cases: what came of each URL of a file, all tried at the same time."""
import concurrent.futures
import pathlib
import sys

import pymongo
from pymongo import errors


def outcome(url):
    try:
        with pymongo.MongoClient(url) as client:
            client.admin.command("ping")
            assert client.demo.command("add", [2, 3])["reply"] == 5
            return "ok"
    except errors.OperationFailure as e:
        return f"code {e.code}: {e}"
    except Exception as e:  # pylint: disable=broad-except
        return f"error: {type(e).__name__}: {e}"


def try_login(line):
    name, url = line.split("\t")
    text = " ".join(outcome(url).split())
    sys.stdout.write(f"login {name} {text[:300]}\n")  # at once, which print() does not


def run_logins(path):
    lines = pathlib.Path(path).read_text("utf-8").splitlines()
    with concurrent.futures.ThreadPoolExecutor(len(lines)) as pool:
        list(pool.map(try_login, lines))
