#!/usr/bin/env python3
"""Runs the call that README.md shows in six languages, each as it stands there, on `oocrpcd demo`.

usage: readme_test.py OOCRPCD PACKAGES GO_CACHE CPP_PROGRAM
       readme_test.py --cpp FILE: writes the source of CPP_PROGRAM

Each block gets the lines around it that its language needs, and the address of the server; 5 must
come out. A language that is not installed is skipped by name, in CI it fails.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from cases import cases, missing, python_with
from demo_server import demo_server

ROOT = pathlib.Path(__file__).resolve().parents[2]
ADDRESS = "127.0.0.1:9001"
LANGUAGES = ["mongosh", "Node", "Python", "C", "Go", "C++"]
PATIENCE = 120  # seconds for one language, its compiler included

C_PROGRAM = """#include <mongoc/mongoc.h>
#include <stdio.h>
int main(void) {
    mongoc_init();
%s}
"""
GO_PROGRAM = """package main

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

func main() {
	ctx := context.Background()
%s}
"""
CPP_PROGRAM = """#include <oocrpc/oocrpc.hpp>
#include <cstdlib>
#include <iostream>
%s
int main() {
    asio::io_context io(1);
    asio::co_spawn(io, ask(), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
    io.run();
}
"""


def blocks():
    """The blocks of the section by language, which the line before each begins with."""
    section = (ROOT / "README.md").read_text().split("\n## The same call", 1)[1].split("\n## ")[0]
    found = {}
    for said, code in re.findall(r"^([^\n]+)\n\n```\w+\n(.*?)^```", section, re.S | re.M):
        language = re.match(r"(?:In `)?([\w+]+)", said)[1]
        assert code.count("\n") <= 5, f"{language}: more than five lines"
        found[language] = (said, code)
    assert list(found) == LANGUAGES, list(found)
    return found


def cpp_source():
    url = f'"mongodb://{ADDRESS}"'
    code = blocks()["C++"][1]
    assert url in code, code
    return CPP_PROGRAM % code.replace(url, 'std::getenv("OOCRPC_URL")')


class examples:
    """One method a language, which gives the output."""

    def __init__(self, port, packages, go_cache, cpp_program, folder):
        self.address = f"127.0.0.1:{port}"
        self.modules = packages / "clients/node_modules"
        self.node = packages / "node"
        self.go_cache = go_cache
        self.cpp_program = cpp_program
        self.folder = folder
        self.blocks = {language: [text.replace(ADDRESS, self.address) for text in both]
                       for language, both in blocks().items()}

    def code(self, language):
        return self.blocks[language][1]

    def write(self, name, text):
        file = self.folder / name
        file.write_text(text)
        return file

    def run(self, *command, **environment):
        done = subprocess.run([*map(str, command)], cwd=self.folder, text=True, timeout=PATIENCE,
                              env={**os.environ, "HOME": str(self.folder), **environment},
                              stdout=subprocess.PIPE, check=False)
        assert done.returncode == 0, f"{command[0]} ends with {done.returncode}: {done.stdout}"
        return done.stdout

    def require_module(self, name):
        if not self.node.exists() or not (self.modules / name).exists():
            missing(name, "its npm package is not installed")

    def mongosh(self):
        self.require_module("mongosh")
        said, code = self.blocks["mongosh"]
        url = re.search(r"mongosh (\S+)`", said)[1]
        return self.run(self.node, self.modules / "mongosh/bin/mongosh.js", "--quiet", "--norc",
                        url, "--eval", code)

    def node_driver(self):
        self.require_module("mongodb7")
        (self.folder / "node_modules").mkdir()
        (self.folder / "node_modules/mongodb").symlink_to(self.modules / "mongodb7")
        return self.run(self.node, self.write("example.mjs", self.code("Node")))

    def python(self):
        python = python_with("pymongo") or missing("Python", "pymongo is not installed")
        return self.run(python, self.write("example.py", self.code("Python")))

    def c(self):
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libmongoc-1.0"], text=True,
                               stdout=subprocess.PIPE, check=False).stdout.split()
        if not flags or not shutil.which("cc"):
            missing("C", "libmongoc-dev or the compiler is not installed")
        self.run("cc", "-Wall", "-Wextra", "-Werror",
                 self.write("example.c", C_PROGRAM % self.code("C")), "-o", "example_c", *flags)
        return self.run(self.folder / "example_c")

    def go(self):
        path = pathlib.Path("/usr/share/gocode")
        if not shutil.which("go") or not (path / "src/go.mongodb.org/mongo-driver").exists():
            missing("Go", "golang-go or golang-mongodb-mongo-driver-dev is not installed")
        self.run("go", "build", "-o", "example_go",
                 self.write("example.go", GO_PROGRAM % self.code("Go")),
                 GO111MODULE="off", GOFLAGS="", GOPATH=str(path), GOCACHE=self.go_cache)
        return self.run(self.folder / "example_go")

    def cpp(self):
        return self.run(self.cpp_program, OOCRPC_URL=f"mongodb://{self.address}")


def main(oocrpcd, packages, go_cache, cpp_program):
    server = demo_server(oocrpcd)
    run = cases()
    try:
        with tempfile.TemporaryDirectory(prefix="oocrpc-readme-") as folder:
            here = examples(server.port, pathlib.Path(packages).resolve(),
                            str(pathlib.Path(go_cache).resolve()),
                            pathlib.Path(cpp_program).resolve(), pathlib.Path(folder))

            def five(example):
                output = example()
                assert output.split() == ["5"], f"it wrote {output!r}"
            for example in (here.mongosh, here.node_driver, here.python, here.c, here.go, here.cpp):
                run.run(example.__name__, lambda example=example: five(example))
    finally:
        server.stop()
    run.end()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--cpp"]:
        pathlib.Path(sys.argv[2]).write_text(cpp_source())
    else:
        main(*sys.argv[1:])
