"""`oocrpc` as a program that a test talks to, and how its cases are told."""
import json
import subprocess
import sys

from cases import cases

OOCRPC = sys.argv[1]
PATIENCE = 60  # seconds; only a case that fails waits so long
known = {}     # all cases by name


def case(function):
    known[function.__name__] = function
    return function


def run_cases():
    """Those that the command line names, or all; ends the program."""
    run = cases()
    for name in sys.argv[2:] or known:
        run.run(name, known[name])
    run.end()


def equal(got, expected):
    assert got == expected, f"got {got!r:.500}, expected {expected!r:.500}"


def values(text):
    """The JSON values of an output, however they are laid out."""
    decoder, found = json.JSONDecoder(), []
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


class program:
    """A running `oocrpc`."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([OOCRPC, *arguments], text=True, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)

    def ends(self, code):
        """What it wrote to stdout and stderr, once it ended with that exit code."""
        out, err = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == code, \
            f"exit code {self.process.returncode}, not {code}: {out!r} {err!r}"
        assert code == 0 or (err.startswith("oocrpc: ") and err.count("\n") == 1), err
        return out, err

    def gives(self, *expected):
        equal(values(self.ends(0)[0]), list(expected))

    def fails(self, code, *words):
        """It ends with that code, nothing on stdout, and all those words on stderr."""
        out, err = self.ends(code)
        equal(out, "")
        for word in words:
            assert word in err, f"no {word!r} in {err!r}"
