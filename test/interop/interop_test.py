#!/usr/bin/env python3
"""Runs one client that nobody here wrote against `oocrpcd demo` and judges its cases.

usage: interop_test.py CLIENT OOCRPCD PACKAGES [COMMAND...]

CLIENT is a row of CLIENTS, PACKAGES the folder that ./install filled; COMMAND replaces the command
of that row. The client gets the server's address in OOCRPC_URL and prints a line for each case:
`ok NAME`, `not ok NAME: WHY` or `skip NAME: WHY`. Where it prints `RESTART` the server is stopped
with SIGTERM (`RESTART KILL`: SIGKILL) and started again on the same port, and the client is told
so by a line `READY` on its stdin. Anything else that it prints is passed on.
"""
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.parse

from cases import python_with, require_packages, unavailable
from demo_server import demo_server

HERE = pathlib.Path(__file__).resolve().parent
TIMEOUT = 240

REQUIRED = """
    connect_and_close call_positional call_named_document call_named_keys call_without_arguments
    echo_every_type error_with_code_and_chinese_text unknown_method wrong_argument
    find_one find_batches find_limit early_cursor_close run_cursor_command
    aggregate_match aggregate_other_stage_refused
    insert_acknowledged insert_unacknowledged write_errors
    deadline cancel_by_closing big_argument_and_reply hundred_concurrent compression
    reconnect_after_restart old_rpc_mapping current_op_and_kill_op list_databases_and_collections
""".split()


class client:
    """How to start a client, and the required cases that it may skip."""

    def __init__(self, *command, may_skip=""):
        self.command = command
        self.may_skip = set(may_skip.split())


# A word that begins with @ is a file of this folder, with % one of those that ./install put there,
# URLdemo is the server's address with the database, and python:MODULE a Python that has the module.
# What has no command here is built, and gets it from meson.
CLIENTS = {
    "node7": client("%node", "@clients/node_client.js", "mongodb7"),
    "node4": client("%node", "@clients/node_client.js", "mongodb4", may_skip="run_cursor_command"),
    "mongosh": client("%node", "%clients/node_modules/mongosh/bin/mongosh.js", "URLdemo", "--quiet",
                      "--norc", "--file", "@clients/mongosh_script.js"),
    "mongoose": client("%node", "@clients/mongoose_client.js"),
    "pymongo": client("python:pymongo", "@clients/pymongo_client.py"),
    "libmongoc": client(),
    "go": client(),
}


def resolve(word, packages):
    if word.startswith("python:"):
        module = word.split(":")[1]
        return python_with(module) or unavailable(module, "no Python has it")
    folder = {"@": HERE, "%": packages}.get(word[0])
    return str(folder / word[1:]) if folder else word


def find_command(name, packages, replacement):
    """The command of the client; ends the program where what it needs is not installed."""
    command = [resolve(word, packages) for word in replacement or CLIENTS[name].command]
    if not command:
        unavailable(name, "it was not built")
    if command[0] == str(packages / "node"):
        require_packages(name, packages, "clients")
    return command


class verdict:
    """What is known of the cases: ok, not ok or skip by name."""

    def __init__(self, required, may_skip):
        self.required = required
        self.may_skip = may_skip
        self.outcomes = {}

    def note(self, outcome, case, why):
        if case in self.outcomes:
            outcome = "not ok"
        if outcome == "skip" and case in self.required and case not in self.may_skip:
            outcome = "not ok"
            why = f"this client may not skip it ({why})"
        self.outcomes[case] = outcome
        print(outcome, case + (f": {why}" if why else ""), flush=True)

    def line(self, line):
        """Takes a line of the client's that says what came of a case, passes others on."""
        case = re.fullmatch(r"(ok|not ok|skip) (\w+)(?:: (.*))?", line)
        if case:
            self.note(*case.groups())
        else:
            print(line, flush=True)

    def check(self, case, good, why):
        self.note("ok" if good else "not ok", case, "" if good else why)

    def end(self, finished):
        """Prints the closing line; true if nothing failed."""
        for case in self.required:
            if case not in self.outcomes:
                self.note("not ok", case, "it did not run")
        self.check("client_ends_with_0", finished, "or it had to be stopped")
        outcomes = list(self.outcomes.values())
        failed = outcomes.count("not ok")
        print(f"{outcomes.count('ok')} passed, {failed} failed")
        return failed == 0


def converse(process, server, judged):
    """Follows the client's lines until it closes its stdout."""
    for line in process.stdout:
        line = line.rstrip("\n")
        if line in ("RESTART", "RESTART KILL"):
            killed = line.endswith("KILL")
            code = server.restart(signal.SIGKILL if killed else signal.SIGTERM)
            if not killed and code != 0:
                judged.note("not ok", "server_drains_in_restart", f"exit code {code}")
            process.stdin.write("READY\n")
            process.stdin.flush()
        else:
            judged.line(line)


def start(command, url, packages, home, **variables):
    """The client as a leader of its own session; `home` is its HOME, where mongosh leaves logs."""
    in_demo = urllib.parse.urlsplit(url)._replace(path="/demo").geturl()
    command = [in_demo if word == "URLdemo" else word for word in command]
    environment = dict(os.environ, OOCRPC_URL=url, OOCRPC_PACKAGES=str(packages),
                       OOCRPC_INTEROP=str(HERE), HOME=home, **variables)
    return subprocess.Popen(command, env=environment, text=True, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, start_new_session=True)


def run(process, server, judged):
    """True if the client ended with 0; afterwards neither it nor what it started is left."""
    killer = threading.Timer(TIMEOUT, os.killpg, [process.pid, signal.SIGKILL])
    killer.start()
    try:
        converse(process, server, judged)
        return process.wait() == 0
    finally:
        killer.cancel()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def main(name, oocrpcd, packages, *replacement):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    packages = pathlib.Path(packages).resolve()
    command = find_command(name, packages, replacement)
    judged = verdict(REQUIRED, CLIENTS[name].may_skip)
    server = demo_server(oocrpcd)
    try:
        with tempfile.TemporaryDirectory() as home:
            finished = run(start(command, server.url, packages, home), server, judged)
    finally:
        code = server.stop()
    judged.check("server_ends_with_0", code == 0, f"exit code {code}")
    return 0 if judged.end(finished) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
