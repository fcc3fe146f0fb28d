#!/usr/bin/env python3
"""Our own `oocrpc` as a client of login_test.py: its argument is that program.

Passwords go from the URLs into the environment, as this program wants them, and what a URL of our
own protocol says of TLS, which it cannot, into options.
"""
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import urllib.parse

OOCRPC = sys.argv[1]
AT_A_TIME = 4
TIMEOUT = 60
OPTIONS = {"tlsCAFile": "--tls-ca", "tlsCertificateKeyFile": "--tls-certificate"}
CODES = {"unauthenticated": 18, "permission_denied": 13}


def command(url):
    parts = urllib.parse.urlsplit(url)
    words = []
    if parts.scheme.startswith("oocrpc"):
        known = urllib.parse.parse_qsl(parts.query)
        words = [word for name, value in known if name in OPTIONS
                 for word in (OPTIONS[name], value)]
        parts = parts._replace(path="", query="")
    netloc = parts.netloc.replace(f":{parts.password}@", "@", 1)
    return [OOCRPC, "call", parts._replace(netloc=netloc).geturl(), "demo.add", "2", "3", *words], \
        urllib.parse.unquote(parts.password or "")


def outcome(url):
    words, password = command(url)
    environment = dict(os.environ, **({"OOCRPC_PASSWORD": password} if password else {}))
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=TIMEOUT,
                          stdin=subprocess.DEVNULL, start_new_session=True, check=False)
    if done.returncode == 0:
        return "ok" if done.stdout == "5\n" else f"error: it was answered {done.stdout}"
    kind = done.stderr.removeprefix("oocrpc: ").partition(":")[0]
    return f"code {CODES[kind]}: {done.stderr}" if kind in CODES else f"error: {done.stderr}"


def try_login(line):
    name, url = line.split("\t")
    text = " ".join(outcome(url).split())
    sys.stdout.write(f"login {name} {text[:300]}\n")


with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
    text = pathlib.Path(os.environ["OOCRPC_LOGINS"]).read_text("utf-8")
    list(pool.map(try_login, text.splitlines()))
