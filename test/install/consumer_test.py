#!/usr/bin/env python3
"""Installs the build into an empty directory and there compiles and runs a program of a user.

consumer_test.py BUILD_DIR CONSUMER.cpp COMPILER [ARG...]
"""
import os
import pathlib
import subprocess
import sys
import tempfile

build, consumer, *compiler = sys.argv[1:]


def run(*command, **options):
    print("$", *command, flush=True)
    return subprocess.run(command, check=True, text=True, **options)


with tempfile.TemporaryDirectory(prefix="oocrpc-install-") as root:
    run("meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", root)
    [pc] = pathlib.Path(root).rglob("oocrpc.pc")
    os.environ["PKG_CONFIG_PATH"] = str(pc.parent)
    os.environ["LD_LIBRARY_PATH"] = str(pc.parent.parent)  # where the library is a shared one
    flags = run("pkg-config", "--cflags", "--libs", "oocrpc", stdout=subprocess.PIPE).stdout
    source = pathlib.Path(root, "consumer.cpp")
    source.write_text(pathlib.Path(consumer).read_text())
    run(*compiler, "-Wall", "-Wextra", "-Werror", str(source), "-o", f"{root}/consumer",
        *flags.split(), cwd=root)
    run(f"{root}/consumer", cwd=root, timeout=60)
