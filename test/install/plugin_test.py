#!/usr/bin/env python3
"""Plugins outside of the source tree, compiled against the installed headers, in the installed host.

plugin_test.py BUILD_DIR HELLO_PLUGIN.cpp SUPPORT_DIR COMPILER [ARG...]
"""
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

build, hello, support, *compiler = sys.argv[1:]
sys.path.insert(0, support)
from oocrpc_base import client  # noqa: E402

ANY = "oocrpc://127.0.0.1:0"
SOURCE = pathlib.Path(hello).read_text()
passed = failed = 0


def check(what, ok, detail=""):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    if not ok:
        print(f"FAILED: {what}: {detail}", flush=True)


def run(*command, **options):
    return subprocess.run(command, check=True, text=True, **options)


def compile_plugin(to, source, flags):
    path = to.with_suffix(".cpp")
    path.write_text(source)
    run(*compiler, "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", str(path), "-o", str(to),
        *flags.split(), cwd=to.parent)
    path.unlink()


def ask(oocrpcd, *arguments):
    return subprocess.run([oocrpcd, *map(str, arguments)], capture_output=True, text=True, timeout=60)


def says(oocrpcd, directory, *arguments):
    """Runs the plugin, and returns what it answers and what it logged."""
    command = [oocrpcd, "--plugin-dir", str(directory), *arguments, "--listen", ANY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        ready = p.stdout.readline()
        if "ready" not in ready:
            return None, ready + p.stderr.read()
        with client(re.search(r"oocrpc://[^\s,]+", ready)[0]) as c:
            answer = c.call("hello.greet", "world")
        p.send_signal(signal.SIGTERM)
        p.stdout.read()
        log = p.stderr.read()
        check("the host ends with 0", p.wait(60) == 0, log)
        return answer, log


with tempfile.TemporaryDirectory(prefix="oocrpc-plugin-") as root:
    run("meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", root)
    [pc] = pathlib.Path(root).rglob("oocrpc.pc")
    [oocrpcd] = [p for p in pathlib.Path(root).rglob("bin/oocrpcd")]
    os.environ["PKG_CONFIG_PATH"] = str(pc.parent)
    os.environ["LD_LIBRARY_PATH"] = str(pc.parent.parent)  # where the library is a shared one
    flags = run("pkg-config", "--cflags", "oocrpc", stdout=subprocess.PIPE).stdout
    plugins = pathlib.Path(root, "plugins")
    plugins.mkdir()
    compile_plugin(plugins / "hello.so", SOURCE, flags)

    done = ask(oocrpcd, "--plugin-dir", plugins, "--list")
    check("it is listed", re.search(r"^hello +Says hello +/.*/hello\.so$", done.stdout, re.M), done)
    check("nothing is wrong with it", done.stderr == "", done)
    done = ask(oocrpcd, "--plugin-dir", plugins, "hello", "--help")
    check("its options are helped with", "--greeting" in done.stdout and "Hello" in done.stdout, done)
    done = ask(oocrpcd, "--plugin-dir", plugins, "hello", "--greting", "x")
    check("the nearest option is proposed", "did you mean '--greeting'?" in done.stderr, done)
    environment = dict(os.environ, OOCRPC_PLUGIN_PATH=f"/nowhere:{plugins}")
    done = subprocess.run([oocrpcd, "--list"], capture_output=True, text=True, env=environment)
    check("the environment names directories", "Says hello" in done.stdout, done)
    check("one that is not there is told", done.stderr.count("\n") == 1 and "/nowhere" in done.stderr)

    check("it answers", says(oocrpcd, plugins, "hello")[0] == "Hello, world!")
    answer, log = says(oocrpcd, plugins, "hello", "--greeting", "Ahoy", "--every", "1ms")
    check("its options count", answer == "Ahoy, world!", log)
    check("it writes to the log", "Ahoy" in log, log)

    tree = pathlib.Path(root, "app.toml")
    tree.write_text(f'[host]\nplugin-dir = "plugins"\n[[component]]\nplugin = "hello"\n'
                    f'listen = "{ANY}"\n')
    done = subprocess.run([oocrpcd, "--check", "app.toml"], capture_output=True, text=True, cwd=root)
    check("a file names directories", done.stdout == "app.toml: ok, 1 component\n", done)

    done = ask(oocrpcd, "--plugin-dir", plugins, "hello", "--greeting", "", "--listen", ANY)
    check("what its factory throws is one line and an exit code",
          done.returncode != 0 and done.stderr.count("\n") == 1 and "nothing to say" in done.stderr,
          done)

    # Others that cannot be used do not keep the host from this one.
    compile_plugin(plugins / "a_wrong_tag.so", SOURCE.replace("oocrpc::plugin_abi", '"oocrpc 0.0"'),
                   flags)
    compile_plugin(plugins / "b_no_symbol.so", SOURCE.replace("oocrpc_plugin{", "another{"), flags)
    compile_plugin(plugins / "c_undefined.so",
                   SOURCE.replace("std::unique_ptr<oocrpc::component> make(",
                                  "void nowhere();\nstd::unique_ptr<oocrpc::component> make(")
                   .replace("const auto greeting =", "nowhere();\n    const auto greeting =")
                   .replace("namespace {", "", 1).replace("} // namespace", "", 1), flags)
    compile_plugin(plugins / "i_name_taken.so", SOURCE, flags)
    (plugins / "j_text.so").write_text("no shared object")
    answer, log = says(oocrpcd, plugins, "hello")
    check("the others are used all the same", answer == "Hello, world!", log)
    lines = [line for line in log.splitlines() if str(plugins) in line]
    for name, why in (("a_wrong_tag", "made for 'oocrpc 0.0'"), ("b_no_symbol", "oocrpc_plugin"),
                      ("c_undefined", "undefined symbol"), ("i_name_taken", "'hello' already"),
                      ("j_text", "")):
        found = [line for line in lines if f"{name}.so" in line]
        check(f"{name} is one line", len(found) == 1 and why in found[0], log)
    check("that is all", len(lines) == 5, log)

print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
