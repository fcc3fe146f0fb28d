#!/usr/bin/env python3
"""Installs the build into an empty directory and there compiles and runs programs of a user: one
that uses the library and, where doctest is found, their tests, which use the test kit.

consumer_test.py BUILD_DIR CONSUMER.cpp CONSUMER_TESTS.cpp COMPILER [ARG...]
"""
import os
import pathlib
import subprocess
import sys
import tempfile

build, consumer, tests, *compiler = sys.argv[1:]


def run(*command, **options):
    print("$", *command, flush=True)
    return subprocess.run(command, check=True, text=True, **options)


def has_doctest():
    check = ["-fsyntax-only", "-x", "c++", "-include", "doctest/doctest.h", os.devnull]
    return subprocess.run(compiler + check, stderr=subprocess.DEVNULL).returncode == 0


with tempfile.TemporaryDirectory(prefix="oocrpc-install-") as root:
    run("meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", root)
    [pc] = pathlib.Path(root).rglob("oocrpc.pc")
    os.environ["PKG_CONFIG_PATH"] = str(pc.parent)
    os.environ["LD_LIBRARY_PATH"] = str(pc.parent.parent)  # where the library is a shared one

    def compile_and_run(program, package):
        flags = run("pkg-config", "--cflags", "--libs", package, stdout=subprocess.PIPE).stdout
        source = pathlib.Path(root, pathlib.Path(program).name)
        source.write_text(pathlib.Path(program).read_text())
        run(*compiler, "-Wall", "-Wextra", "-Werror", str(source), "-o", f"{root}/{source.stem}",
            *flags.split(), cwd=root)
        run(f"{root}/{source.stem}", cwd=root, timeout=60)

    compile_and_run(consumer, "oocrpc")
    if has_doctest():
        compile_and_run(tests, "oocrpc-testing")
    else:
        print("no doctest here: the test kit was not tried")
