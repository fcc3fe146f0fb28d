#!/usr/bin/env python3
"""Builds the project with every library from its wrap, as on a system that has none of them.

It works without a network: git repositories made from the installed headers, laid out and tagged
as the real ones, stand in for them, in a copy of the sources whose wraps name them.

wraps_test.py SOURCE_DIR COMPILER...
"""
import configparser
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(sys.argv[1])

# wrap: what of /usr/include goes where in its repository
HEADERS = {
    "asio": {"asio.hpp": "asio/include/asio.hpp", "asio": "asio/include/asio"},
    "nlohmann_json": {"nlohmann": "include/nlohmann"},
    "doctest": {"doctest": "doctest"},
    "cli11": {"CLI": "include/CLI"},
    "tomlplusplus": {"toml++": "include/toml++"},
    # spdlog's repository bundles fmt, Debian's package does not: see bundle_fmt()
    "spdlog": {"spdlog": "include/spdlog", "fmt": "include/spdlog/fmt/bundled"},
    "zlib": {"zlib.h": "zlib.h", "zconf.h": "zconf.h"},
    "snappy": {"snappy.h": "snappy.h", "snappy-sinksource.h": "snappy-sinksource.h",
               "snappy-stubs-public.h": "snappy-stubs-public.h.in"},
    "zstd": {"zstd.h": "lib/zstd.h", "zstd_errors.h": "lib/zstd_errors.h"},
}
# Libraries that are compiled have empty sources here, and what these would define comes from the
# installed library.
COMPILED = {"zlib": "z", "snappy": "snappy", "zstd": "zstd"}


def system(header):
    """Where a header or directory of headers is installed, or None."""
    roots = [pathlib.Path("/usr/include"), *pathlib.Path("/usr/include").glob("*-linux-gnu*")]
    return next((root / header for root in roots if (root / header).exists()), None)


def run(*command, **options):
    print("$", *map(str, command), flush=True)
    return subprocess.run(command, check=True, text=True, **options)


def bundle_fmt(spdlog):
    tweaks = spdlog / "include/spdlog/tweakme.h"
    tweaks.write_text(tweaks.read_text().replace("#define SPDLOG_FMT_EXTERNAL 1", ""))


def empty_sources(where, recipe):
    for name in re.findall(r"'([^']+\.cc?)'", recipe.read_text()):
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).write_text("")


def make_repository(where, headers, tag):
    for source, target in headers.items():
        source, target = system(source), where / target
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    if "spdlog" in headers:
        bundle_fmt(where)
    if where.name in COMPILED:
        empty_sources(where, SOURCE / "subprojects/packagefiles" / where.name / "meson.build")
    git = ["git", "-C", where, "-c", "user.name=test", "-c", "user.email=test@localhost"]
    run("git", "init", "--quiet", where)
    run(*git, "add", "--all", "--force")
    run(*git, "commit", "--quiet", "--no-gpg-sign", "--message", tag)
    run(*git, "tag", "--no-sign", tag)


def copy_sources(target):
    """What the build reads, without libraries that a wrap has fetched already."""
    for name in ("include", "lib", "apps", "test"):
        shutil.copytree(SOURCE / name, target / name)
    shutil.copytree(SOURCE / "subprojects/packagefiles", target / "subprojects/packagefiles")
    for path in [*SOURCE.glob("meson*"), SOURCE / "README.md", *SOURCE.glob("subprojects/*.wrap")]:
        shutil.copy(path, target / path.relative_to(SOURCE))


def main(root):
    missing = [name for headers in HEADERS.values() for name in headers
               if not system(name)]
    if missing:
        print("skipped: not installed:", *missing)
        sys.exit(77)

    source = root / "source"
    copy_sources(source)
    wraps = sorted((source / "subprojects").glob("*.wrap"))
    assert {wrap.stem for wrap in wraps} == set(HEADERS), "HEADERS does not match subprojects/"
    for path in wraps:
        wrap = configparser.ConfigParser()
        wrap.read(path)
        make_repository(root / "repositories" / path.stem, HEADERS[path.stem],
                        wrap["wrap-git"]["revision"])
        url = wrap["wrap-git"]["url"]
        assert url.startswith("https://github.com/"), url
        path.write_text(path.read_text().replace(url, f"file://{root}/repositories/{path.stem}"))

    build = root / "build"
    libraries = ",".join(f"-l{name}" for name in COMPILED.values())
    run("meson", "setup", build, source, "--wrap-mode=forcefallback", "--buildtype=plain",
        f"-Dcpp_link_args=-Wl,--no-as-needed,{libraries}")
    jobs = os.environ.get("JOBS") or str(os.cpu_count())
    run("ninja", "-C", build, "-j", jobs, "test/install/consumer", "test/wraps/wraps_probe")
    run(build / "test/install/consumer")
    run(build / "test/wraps/wraps_probe")


os.environ["CXX"] = " ".join(sys.argv[2:])
os.environ["CCACHE_NOHASHDIR"] = "1"
for name in [name for name in os.environ if name.startswith("GIT_")]:
    del os.environ[name]
with tempfile.TemporaryDirectory(prefix="oocrpc-wraps-") as directory:
    main(pathlib.Path(directory))
