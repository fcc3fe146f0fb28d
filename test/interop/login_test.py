#!/usr/bin/env python3
"""Has one client that nobody here wrote log in to `oocrpcd demo`, over TLS and without.

usage: login_test.py CLIENT OOCRPCD PACKAGES [COMMAND...]

The arguments are those of interop_test.py; the client may also be our own `oocrpc`. It gets
logins, a line `NAME<tab>URL` each, in the file OOCRPC_LOGINS. With each it connects, calls `ping`
and `add`, and prints a line of what came of it: `login NAME ok`, `login NAME code N: TEXT` for an
error of the server, or `login NAME error: TEXT`. Afterwards it runs some of its cases, if it has
any, as a user who has logged in.
"""
import json
import os
import pathlib
import re
import signal
import sys
import tempfile

from demo_server import demo_server
from interop_test import CLIENTS, find_command, run, start, verdict
from logins import LOGINS, NATIVE_LOGINS, PASSWORDS, UNSUPPORTED, site

# With a login the cases do not change; these depend on connections, and how many there are.
OVER_TLS = """
    connect_and_close find_batches early_cursor_close insert_acknowledged deadline
    cancel_by_closing hundred_concurrent current_op_and_kill_op big_argument_and_reply
    reconnect_after_restart
""".split()
# It makes as many connections as there are calls, and for each mongosh reads all certificates that
# the system trusts.
NOT_OF_MONGOSH = {"hundred_concurrent"}
# In these the clients look at the bytes on their way.
NOT_ENCRYPTED = "echo_every_type compression".split()


class judge(verdict):
    """Knows logins as well."""

    def __init__(self, client):
        known = UNSUPPORTED.get(client, {})
        table = LOGINS if client in CLIENTS else LOGINS + NATIVE_LOGINS
        self.logins = {one.name: one for one in table if one.name not in known}
        self.over_tls, self.not_encrypted = [], []
        if client in CLIENTS:
            self.over_tls = [case for case in OVER_TLS
                             if client != "mongosh" or case not in NOT_OF_MONGOSH]
            self.not_encrypted = NOT_ENCRYPTED
        may_skip = CLIENTS[client].may_skip if client in CLIENTS else set()
        super().__init__([*self.logins, *self.over_tls, *self.not_encrypted], may_skip)
        for name, why in known.items():
            self.note("skip", name, why)

    def line(self, line):
        said = re.fullmatch(r"login (\w+) (.*)", line)
        if said and said[1] in self.logins:
            expected = self.logins[said[1]].expected
            self.check(said[1], re.match(expected, said[2], re.IGNORECASE),
                       f"{said[2]!r}, which is not {expected!r}")
        else:
            super().line(line)


def check_log(judged, path):
    """The log knows who has logged in and how, and nobody's password."""
    text = path.read_text("utf-8")
    entries = [json.loads(line) for line in text.splitlines()]
    seen = {e["fields"]["mechanism"] for e in entries if e["message"] == "logged in"}
    expected = {one.mechanism for one in judged.logins.values() if one.expected == "ok"} - {None}
    judged.check("log_names_mechanisms", seen == expected, f"{seen}, not {expected}")
    judged.check("log_has_no_password", not any(p in text for p in PASSWORDS), "there is one")


def run_client(command, url, packages, server, judged, **variables):
    with tempfile.TemporaryDirectory() as home:
        return run(start(command, url, packages, home, **variables), server, judged)


def main(name, oocrpcd, packages, *replacement):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    oocrpcd, packages = os.path.abspath(oocrpcd), pathlib.Path(packages).resolve()
    command = find_command(name, packages, replacement)
    judged = judge(name)
    with tempfile.TemporaryDirectory(prefix="oocrpc-login-") as directory:
        at = site(oocrpcd, directory)
        server = demo_server(oocrpcd, at.listeners, at.host, at.options)
        try:
            at.ports = server.ports
            file = at.write_logins(judged.logins.values())
            finished = [
                run_client(command, at.good_url(), packages, server, judged, OOCRPC_LOGINS=file)]
            for url, some in ((at.good_url(), judged.over_tls),
                              (at.good_url(encrypted=False), judged.not_encrypted)):
                if some:
                    finished.append(run_client(command, url, packages, server, judged,
                                               OOCRPC_CASES=",".join(some)))
        finally:
            code = server.stop()
        check_log(judged, at.log)
    judged.check("server_ends_with_0", code == 0, f"exit code {code}")
    return 0 if judged.end(all(finished)) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
