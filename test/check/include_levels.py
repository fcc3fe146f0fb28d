#!/usr/bin/env python3
"""Includes go downwards only: a file of one level includes nothing of a higher one.

A file has the level of its name, whether it is a public header, a header in detail/, or a .cpp or
private header in lib/. A new header is one more word in LEVELS (`bson*` stands for every name that
begins so, the first row that fits counts).

The codecs, BSON and the dispatcher (SANS_IO) may not reach Asio, directly or through another of
our headers. Programs use public headers only.
"""
import fnmatch
import pathlib
import re
import sys

LEVELS = [
    # 0: the vocabulary
    "error value byte_buffer asio clock timer* promise* result when deadline task_group task_list unhandled "
    "pending as_awaitable sleep* suspension child_group tuple_group endian unique_function queue "
    "per_second memory_budget version url url_text uri turns give_back "
    "limits tls_info tls_options metadata random_bits secret",
    # 1: BSON, messages, and what is said of calls
    "bson* reflect* read_value message call_deadline call_options description uri_options "
    "scram* saslprep user_store client_login tls_context tls_engine tls_files tls_names",
    # 2: codecs and the dispatcher
    "codec native_codec native_writing detecting_codec mongodb_server_codec mongodb_client_codec dispatcher "
    "wire* crc32c compression command_names command_reading errors legacy_requests "
    "pending_requests server_answers server_codec* outgoing_requests handshake reply_reading "
    "client_codec* elements values",
    # 3: bytes in and out, and the call path
    "stream network memory_stream socket_stream replayed_stream tls* waiting_operation call_executor reply_to "
    "initiate_call place_call typed_call handler context suspended_call "
    "collected message_stream connection* runner_pool",
    # 4: what users write calls and services with
    "method streaming caller peer client* log_in login_for server* arguments typed_handler service built_in layers limited "
    "access_control access_layers login_commands protocols call_registry component* group_child application option* parse_units plugin "
    "command_options command_call commands source cursor* session methods rpc find insert hello "
    "listing diagnostics operations old_mapping pass_on",
    # 5: the test kit
    "expected_error fails run unhandled_log memory_host memory_link memory_listener "
    "memory_network scripted_peer",
    # 6: the umbrellas
    "oocrpc testing",
]
SANS_IO = ("bson* reflect* message metadata codec *_codec dispatcher "
           "wire* crc32c compression command_names command_reading errors legacy_requests "
           "pending_requests server_answers server_codec* outgoing_requests handshake "
           "reply_reading client_codec* elements values scram* saslprep user_store client_login "
           "tls_context tls_engine tls_files tls_names")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def matches(name, patterns):
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns.split())


def level_of(stem):
    return next((n for n, row in enumerate(LEVELS) if matches(stem, row)), None)


class tree:
    """`files` maps a path to its text."""

    def __init__(self, files):
        self.includes = {path: self.read(path, text, files) for path, text in files.items()}

    @staticmethod
    def read(path, text, files):
        """All includes: (line, what is written, which of our files that is or None)."""
        found = []
        for number, line in enumerate(text.splitlines(), 1):
            if m := INCLUDE.match(line):
                quote, name = m.groups()
                beside = str(pathlib.PurePosixPath(path).parent / name)
                candidates = [f"include/{name}"] + ([beside, f"lib/{name}"] if quote == '"' else [])
                found.append((number, name, next((c for c in candidates if c in files), None)))
        return found

    def way_to_asio(self, path, seen):
        """The includes that lead from `path` to Asio, or None."""
        for _, name, target in self.includes[path]:
            if name == "asio.hpp" or name.startswith("asio/") or name == "oocrpc/asio.hpp":
                return [name]
            if target and target not in seen:
                seen.add(target)
                if way := self.way_to_asio(target, seen):
                    return [name] + way
        return None

    def problems(self):
        for path in sorted(self.includes):
            if path.startswith(("include/", "lib/")):
                yield from self.library(path)
            elif path.startswith(("apps/", "test/apps/")):
                yield from self.program(path)

    def library(self, path):
        stem = pathlib.PurePosixPath(path).stem
        level = level_of(stem)
        if level is None:
            yield f"{path}:1: no level for '{stem}': add it to the table in {sys.argv[0]}"
            return
        for line, name, target in self.includes[path]:
            theirs = level_of(pathlib.PurePosixPath(target).stem) if target else None
            if theirs is not None and theirs > level:
                yield f"{path}:{line}: level {level} includes {name} of level {theirs}"
            if name.startswith("oocrpc/") and not target:
                yield f"{path}:{line}: {name} does not exist"
        if matches(stem, SANS_IO) and (way := self.way_to_asio(path, set())):
            line = next(n for n, name, _ in self.includes[path] if name == way[0])
            yield f"{path}:{line}: reaches Asio, but is sans-io: {' > '.join(way)}"

    def program(self, path):
        for line, name, target in self.includes[path]:
            if "detail/" in name or (target or name).startswith("lib/") or "/lib/" in name:
                yield f"{path}:{line}: a program includes {name}, which is not public"


def self_test():
    files = {
        "include/oocrpc/error.hpp": "#pragma once\n#include <string>\n",
        "include/oocrpc/asio.hpp": "#include <asio/post.hpp>\n",
        "include/oocrpc/value.hpp": "#include <oocrpc/asio.hpp>\n",
        "include/oocrpc/message.hpp": "#include <oocrpc/error.hpp>\n#include <oocrpc/value.hpp>\n",
        "include/oocrpc/when.hpp": "#include <oocrpc/server.hpp>\n",
        "include/oocrpc/server.hpp": "#include <oocrpc/message.hpp>\n",
        "include/oocrpc/detail/bson_size.hpp": "#include <oocrpc/error.hpp>\n",
        "include/oocrpc/surprise.hpp": "\n",
        "lib/dispatcher.cpp": '#include "server_impl.hpp"\n',
        "lib/server_impl.hpp": "\n",
        "apps/a/a.cpp": "#include <oocrpc/server.hpp>\n#include <oocrpc/detail/bson_size.hpp>\n",
        "apps/b/b.cpp": '#include "../../lib/server_impl.hpp"\n#include "b.hpp"\n',
    }
    expected = ["apps/a/a.cpp:2", "apps/b/b.cpp:1", "include/oocrpc/message.hpp:2",
                "include/oocrpc/surprise.hpp:1", "include/oocrpc/when.hpp:1", "lib/dispatcher.cpp:1"]
    found = sorted(":".join(p.split(":")[:2]) for p in tree(files).problems())
    assert found == expected, found


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = pathlib.Path(__file__).resolve().parents[2]
    files = {str(path.relative_to(root)): path.read_text()
             for top in ("include", "lib", "apps", "test/apps")
             for path in (root / top).rglob("*") if path.suffix in (".hpp", ".cpp")}
    problems = list(tree(files).problems())
    print(*problems, sep="\n", end="\n" if problems else "")
    print("include levels:", "failed" if problems else f"ok, {len(files)} files")
    sys.exit(1 if problems else 0)


main()
