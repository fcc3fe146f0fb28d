"""What the daemons say of themselves and of their options: host_test.py OOCRPCD OOCRPC_PROXY POEM.

Nothing is served here. Each test is a sentence.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import suite  # noqa: E402

OOCRPCD, PROXY, POEM = map(os.path.abspath, sys.argv[1:4])
ANY = "oocrpc://127.0.0.1:0"
PLAIN = {k: v for k, v in os.environ.items() if not k.startswith("OOCRPC_")}


def run(*command, directory=None, **variables):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60,
                          cwd=directory, env=dict(PLAIN, **variables))


def told(*command, **how):
    """What a program prints when it ends with 0."""
    done = run(*command, **how)
    assert done.returncode == 0 and done.stderr == "", done
    return done.stdout


def refused(code, *command, **how):
    """The one line on stderr of a program that ends with `code`."""
    done = run(*command, **how)
    assert done.returncode == code, done
    assert done.stdout == "" and done.stderr.count("\n") == 1, done
    return done.stderr


def the_list_has_one_line_for_each_plugin():
    lines = told(OOCRPCD, "--list").splitlines()
    names = [line.split()[0] for line in lines]
    assert {"demo", "poetry", "proxy"} <= set(names), lines
    starts = {re.match(r"\S+ +", line).end() for line in lines}
    assert len(starts) == 1, lines  # of the descriptions: a column


def help_of_a_plugin_has_its_options_with_types_and_defaults():
    text = told(OOCRPCD, "proxy", "--help")
    assert re.search(r"--upstream-connections N ", text), text
    assert "default: 4" in text and "default: 64MiB" in text, text
    assert re.search(r"--cache METHOD\[=TTL\]", text), text
    assert re.search(r"--listen URL .*", text) and "required" in text, text
    assert "--poem" not in text and "--threads" not in text, text
    assert max(map(len, text.splitlines())) <= 100, text


def help_of_the_program_has_the_plugins_and_the_options_of_the_host():
    text = told(OOCRPCD, "--help")
    for word in ("poetry", "--threads N", "--log-format FORMAT", "text, json", "--drain-timeout"):
        assert word in text, (word, text)
    flat = told(PROXY, "--help")
    for word in ("--upstream URL", "--listen URL", "--log-level LEVEL"):
        assert word in flat, (word, flat)
    assert "--threads" not in flat and "--plugin-dir" not in flat, flat


def a_version_is_named():
    assert re.fullmatch(r"oocrpcd \d+\.\d+\.\d+\n", told(OOCRPCD, "--version"))
    assert told(PROXY, "--version").startswith("oocrpc-proxy ")


def unknown_words_are_refused_with_the_nearest_one():
    line = refused(64, OOCRPCD, "demo", "--lisen", ANY)
    assert "unknown option '--lisen'; did you mean '--listen'?" in line, line
    line = refused(64, OOCRPCD, "demo", "--thread=2", "--listen", ANY)
    assert "'--thread'; did you mean '--threads'?" in line, line
    assert "'--poem'" not in refused(64, OOCRPCD, "demo", "--pome", "x")
    line = refused(64, OOCRPCD, "peotry", "--listen", ANY)
    assert "unknown plugin 'peotry'; did you mean 'poetry'?" in line, line
    assert "--list" in refused(64, OOCRPCD, "verse")
    assert "'stray'" in refused(64, OOCRPCD, "demo", "stray")
    assert "did you mean '--upstream'?" in refused(64, PROXY, "--upstraem", ANY)
    assert "--config is missing" in refused(64, OOCRPCD)


def required_options_are_named_with_their_component():
    assert "poetry: --poem is required" in refused(64, OOCRPCD, "poetry", "--listen", ANY)


def host_options_go_before_and_after_the_name():
    for words in (["--threads", "3", "demo"], ["demo", "--threads", "3"]):
        text = told(OOCRPCD, "--show-config", *words, "--listen", ANY)
        assert re.search(r"^  threads +3 +command line$", text, re.M), text


def show_config_says_where_each_value_came_from():
    with tempfile.TemporaryDirectory() as directory:
        pathlib.Path(directory, "p.toml").write_text(
            'threads = 2\nlisten = ["oocrpc://127.0.0.1:1", "oocrpc://127.0.0.1:2"]\n'
            'bytes = 7\ndelay = 0.5\npoem = "p.txt"\n')
        text = told(OOCRPCD, "--show-config", "poetry", "--config", "p.toml", "--bytes", "9",
                    directory=directory, OOCRPC_DELAY="2s", OOCRPC_LOG_LEVEL="debug")
        real = os.path.realpath(directory)
        for name, value, source in (
                ("threads", "2", "p.toml:1:11"), ("bytes", "9", "command line"),
                ("delay", "2s", "environment OOCRPC_DELAY"), ("drain-timeout", "10s", "default"),
                ("log-level", "debug", "environment OOCRPC_LOG_LEVEL"),
                ("listen", "oocrpc://127.0.0.1:1", "p.toml:2:10"),
                ("poem", f"{real}/p.txt", "p.toml:5:8"), ("user", "-", "default")):
            assert re.search(rf"^  {name} +{re.escape(value)} +{source}$", text, re.M), (name, text)
        assert re.search(r"^ +oocrpc://127.0.0.1:2 +p.toml:2:10$", text, re.M), text
        rows = [re.match(r"  (\S+ +|  +)\S+ +", line) for line in text.splitlines()]
        assert len({m.end() for m in rows if m}) == 1, text


def check_reads_a_file_and_starts_nothing():
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory, "app.toml")
        good = ('[host]\nthreads = 2\n[[component]]\nplugin = "demo"\nlisten = "%s"\n'
                '[[component]]\nname = "poems"\nplugin = "poetry"\nlisten = "%s"\npoem = "%s"\n'
                % (ANY, ANY, POEM))
        path.write_text(good)
        said = told(OOCRPCD, "--check", "app.toml", directory=directory)
        assert said == "app.toml: ok, 2 components\n", said
        for what, instead, where, why in (
                ("threads", "threats", "2:1", "did you mean 'threads'?"),
                ("= 2", "= 0", "2:11", "threads: '0'"),
                ('"demo"', '"dmo"', "4:10", "did you mean 'demo'?"),
                ('name = "poems"', 'name = "demo"', "6:1", "'demo' already"),
                ("poem = ", "peom = ", "10:1", "did you mean 'poem'?"),
                ("poem = ", "text = ", "10:8", "text: "),
                ("plugin = \"poetry\"\n", "", "6:1", "'plugin' is missing"),
                (f'poem = "{POEM}"', "", "6:1", "component 'poems': poem is required"),
                ("[host]", "[host", "1:6", "")):
            path.write_text(good.replace(what, instead, 1))
            line = refused(78, OOCRPCD, "--check", "app.toml", directory=directory)
            assert f"app.toml:{where}: " in line and why in line, line
        path.write_text(f'listen = "{ANY}"\nupstream = "{ANY}"\ncache-bytes = "1KiB"\n')
        said = told(OOCRPCD, "proxy", "--check", path)
        assert said == f"{path}: ok, 1 component\n", said
        assert told(PROXY, "--check", path) == said
    assert "No such file" in refused(66, OOCRPCD, "--check", "/no/such/file")


def check_tells_what_would_not_start():
    with tempfile.TemporaryDirectory() as directory:
        def component(name, plugin, *lines, listen=ANY):
            return "\n".join(["[[component]]", f'name = "{name}"', f'plugin = "{plugin}"',
                              f'listen = "{listen}"', *lines, ""])

        unix = f"oocrpc+unix://{directory}/s"
        demo = component("a", "demo")
        path = pathlib.Path(directory, "app.toml")
        for text, code, why in (
                ('[host]\nuser = "no-such-user"\n' + demo, 64, "no-such-user"),
                ('[host]\ngroup = "no-such-group"\n' + demo, 64, "no-such-group"),
                ('[host]\numask = "7777"\n' + demo, 78, "umask: '7777'"),
                ('[host]\nrundir = "nowhere"\n' + demo, 78,
                 f"rundir: '{os.path.realpath(directory)}/nowhere' is no directory"),
                ('[host]\nchroot = "app.toml"\n' + demo, 78, "app.toml' is no directory"),
                (demo + component("p", "poetry", 'poem = "/no/poem"'), 66,
                 "p: cannot read '/no/poem'"),
                (component("p", "poetry", f'poem = "{POEM}"', "bytes = 7"), 64,
                 "p: --bytes needs --delay"),
                (component("p", "proxy"), 64, "p: --upstream is required"),
                (component("p", "proxy", f'upstream = "{ANY}"', 'text = "127.0.0.1:1=x.y"',
                           listen="oocrpc://localhost:1"), 78,
                 "p.server: cannot listen on oocrpc://localhost:1: 'p.text-1' does already"),
                ("[host]\ninsecure = true\n" +
                 component("a", "demo", listen="oocrpc://0.0.0.0:7") +
                 component("b", "demo", listen="oocrpc://127.0.0.1:7"), 78,
                 "b: cannot listen on oocrpc://127.0.0.1:7: 'a' does already"),
                (component("a", "demo", listen=unix) +
                 component("b", "demo", listen=unix[:-1] + "./s"), 78, "'a' does already")):
            path.write_text(text)
            line = refused(code, OOCRPCD, "--check", "app.toml", directory=directory)
            assert why in line, line
        path.write_text(demo + component("b", "demo") + component("c", "demo", listen=unix))
        assert told(OOCRPCD, "--check", path) == f"{path}: ok, 3 components\n"
        assert os.listdir(directory) == ["app.toml"]
        line = refused(64, OOCRPCD, "--check", path, "--config", path)
        assert "--check FILE and --config FILE exclude each other" in line, line


def variables_that_are_wrong_are_named():
    line = refused(78, OOCRPCD, "--show-config", "demo", "--listen", ANY, OOCRPC_THREADS="many")
    assert "OOCRPC_THREADS: 'many'" in line, line
    told(OOCRPCD, "--show-config", "demo", "--listen", ANY, OOCRPC_NOBODYS="x")


def options_of(program):
    """All options that the helps of a program name, for each plugin; '' is the program itself."""
    found = {"": set(re.findall(r"^ +(--[a-z-]+)", told(program, "--help"), re.M))}
    if program == OOCRPCD:
        for line in told(program, "--list").splitlines():
            text = told(program, line.split()[0], "--help")
            found[line.split()[0]] = set(re.findall(r"^ +(--[a-z-]+)", text, re.M))
    return found


def every_option_is_in_every_document():
    for program in (OOCRPCD, PROXY):
        documents = {"man": told(program, "--man").replace("\\-", "-")}
        for shell in ("bash", "zsh", "fish"):
            documents[shell] = told(program, "--completion", shell)
        for options in options_of(program).values():
            assert len(options) > 2, options
            for option in options:
                for kind, text in documents.items():
                    word = f" -l {option[2:]} " if kind == "fish" else option
                    if option in ("--help", "--version") and word not in text:
                        assert False, (kind, option)
                    assert word in text, (kind, option)


def the_manual_page_is_good_roff():
    if not shutil.which("groff"):
        return
    for program in (OOCRPCD, PROXY):
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-Kutf8"], input=told(program, "--man"),
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and done.stderr == "", done.stderr
        text = re.sub(".\b", "", done.stdout).replace("\u2010", "-").replace("\u2212", "-")
        assert "--drain-timeout DURATION" in re.sub("\x1b\\[\\d*m", "", text), text


def complete(program, *words):
    """What bash proposes for the last of these words."""
    name = pathlib.Path(program).name
    with tempfile.NamedTemporaryFile("w") as script:
        script.write(told(program, "--completion", "bash"))
        script.flush()
        line = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); ' \
               f'_{name.replace("-", "_")}; printf "%s\\n" "${{COMPREPLY[@]}}"'
        return told("bash", "--norc", "-uc", line, "bash", script.name, name, *words).split()


def bash_completes_names_options_and_values():
    assert complete(OOCRPCD, "po") == ["poetry"]
    assert complete(OOCRPCD, "poetry", "--po") == ["--poem"]
    assert complete(OOCRPCD, "--po") == []
    assert complete(OOCRPCD, "--threads", "2", "demo", "--log-c") == ["--log-calls"]
    assert complete(OOCRPCD, "demo", "--log-format", "j") == ["json"]
    assert complete(OOCRPCD, "poetry", "--bytes", "") == []
    assert complete(OOCRPCD, "poetry", "--poem", POEM[:-2]) == [POEM]
    assert complete(PROXY, "--embed") == ["--embedded-poetry"]
    assert complete(PROXY, "--vary", "") == []
    assert set(complete(OOCRPCD, "")) >= {"demo", "poetry", "proxy"}


def zsh_and_fish_can_read_theirs():
    for shell, arguments in (("zsh", ["-n"]), ("fish", ["--no-execute"])):
        if not shutil.which(shell):
            continue
        for program in (OOCRPCD, PROXY):
            with tempfile.NamedTemporaryFile("w") as script:
                script.write(told(program, "--completion", shell))
                script.flush()
                told(shell, *arguments, script.name)
    assert "bash, zsh, fish" in refused(64, OOCRPCD, "--completion", "csh")


def main():
    tests = [
        the_list_has_one_line_for_each_plugin,
        help_of_a_plugin_has_its_options_with_types_and_defaults,
        help_of_the_program_has_the_plugins_and_the_options_of_the_host,
        a_version_is_named,
        unknown_words_are_refused_with_the_nearest_one,
        required_options_are_named_with_their_component,
        host_options_go_before_and_after_the_name,
        show_config_says_where_each_value_came_from,
        check_reads_a_file_and_starts_nothing,
        check_tells_what_would_not_start,
        variables_that_are_wrong_are_named,
        every_option_is_in_every_document,
        the_manual_page_is_good_roff,
        bash_completes_names_options_and_values,
        zsh_and_fish_can_read_theirs,
    ]
    suite.run(tests)


main()
