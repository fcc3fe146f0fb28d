#!/usr/bin/env python3
"""The programs of apps/examples: examples_test.py OOCRPCD PROGRAM...

Each says what its page says that it prints: the ```text blocks of the page that name a program are,
one after the other, its output. And the proxies do what their step is about, with real sockets.
The last line counts the cases.
"""
import pathlib
import re
import subprocess
import sys
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/support"))
sys.path.insert(0, str(ROOT / "test/check"))
import readme_examples  # noqa: E402
from oocrpc_base import client, remote_error  # noqa: E402

OOCRPCD = sys.argv[1]
PROGRAMS = {pathlib.Path(p).name: p for p in sys.argv[2:]}
EXAMPLES = ROOT / "apps/examples"
PAGE = EXAMPLES / "README.md"
DOOR = ROOT / "apps/poetry/poems/the_open_door.txt"
HOURS = ROOT / "apps/poetry/poems/small_hours.txt"
ANY = "oocrpc://127.0.0.1:0"
PATIENCE = 60  # seconds; only a test that fails waits so long
OUTPUT = re.compile(r"^```text (\w+)\n(.*?)^```$", re.S | re.M)


def outputs(page):
    """What the page says that each program prints."""
    said = {}
    for name, text in OUTPUT.findall(page):
        said[name] = said.get(name, "") + text
    return said


def differences(page, printed):
    """Where page and programs differ; `printed` has the output of each program that prints."""
    said = outputs(page)
    wrong = [f"{name}: {said.get(name)!r} is not {text!r}" for name, text in printed.items()
             if said.get(name) != text]
    return wrong + [f"{name}: there is no such program" for name in said if name not in printed]


class the_page(unittest.TestCase):
    def printed(self):
        names = [name for name in PROGRAMS if name.startswith("vocabulary")]
        return {name: subprocess.run([PROGRAMS[name]], text=True, stdout=subprocess.PIPE,
                                     check=True, timeout=PATIENCE).stdout for name in names}

    def test_every_output_stands_on_the_page(self):
        printed = self.printed()
        self.assertGreaterEqual(len(printed), 5)
        self.assertEqual(differences(PAGE.read_text(), printed), [])

    def test_a_page_that_differs_from_what_is_printed_is_found(self):
        page, printed = PAGE.read_text(), self.printed()
        for before, after in (("fired\n", "fried\n"), ("```text vocabulary_time", "```text other"),
                              ("Ada reads: wait for it\n", "")):
            self.assertIn(before, page)
            self.assertNotEqual(differences(page.replace(before, after), printed), [])

    def test_every_block_of_code_stands_in_a_program_that_is_built_here(self):
        sources = [p.read_text() for p in EXAMPLES.iterdir()
                   if p.suffix == ".hpp" or p.stem in PROGRAMS]
        page = PAGE.read_text()
        self.assertGreater(len(readme_examples.BLOCK.findall(page)), 10)
        self.assertEqual(readme_examples.strangers(page, sources), [])

    def test_a_block_that_differs_from_the_code_is_found(self):
        sources = [p.read_text() for p in EXAMPLES.iterdir() if p.suffix in (".hpp", ".cpp")]
        page = PAGE.read_text()
        for number in range(len(readme_examples.BLOCK.findall(page))):
            block = list(readme_examples.BLOCK.finditer(page))[number]
            changed = page[:block.end(1)] + "int i;\n" + page[block.end(1):]
            self.assertEqual(len(readme_examples.strangers(changed, sources)), 1)

    def test_every_program_of_the_vocabulary_and_every_proxy_is_on_the_page(self):
        page = PAGE.read_text()
        for source in EXAMPLES.glob("*.cpp"):
            if source.stem.startswith(("vocabulary", "proxy")):
                self.assertIn(source.name, page)
                self.assertIn(source.stem, PROGRAMS)
                self.assertLess(len(source.read_text().splitlines()), 100)


def wait_until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


class server:
    """A program that serves, until the case is over."""

    def __init__(self, case, *command):
        self.case = case
        self.process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        case.addCleanup(self.process.stdout.close)
        case.addCleanup(self.process.wait)
        case.addCleanup(self.process.kill)
        self.url = re.search(r"ready on ([^\s,]+)", self.process.stdout.readline())[1]

    def call(self, method, *arguments):
        with client(self.url) as c:
            return c.call(method, *arguments)

    def get(self, *name):
        return self.call("poetry.get_poem", *name)

    def asking(self, *name):
        """A client that has asked and waits."""
        c = client(self.url)
        self.case.addCleanup(c.close)
        c.send("poetry.get_poem", *name)
        return c

    def stats(self, name):
        return self.call("poetry.stats")[name]


def poetry(case, *slow):
    return server(case, OOCRPCD, "poetry", "--listen", ANY, "--poem", str(DOOR), "--poem",
                  str(HOURS), *slow)


def takes(seconds):
    """Options of a poetry server that tells each poem in that time."""
    return "--bytes", "100000", "--delay", str(seconds)


class each_proxy:
    """What all three steps have in common."""

    def start(self, *slow):
        up = poetry(self, *slow)
        return up, server(self, PROGRAMS[self.program], up.url, ANY)

    def test_the_second_request_comes_from_the_cache(self):
        up, proxy = self.start()
        for _ in range(3):
            self.assertEqual(proxy.get(), DOOR.read_text())
            self.assertEqual(proxy.get("small_hours"), HOURS.read_text())
        self.assertEqual(up.stats("begun"), 2)

    def test_what_is_cached_is_there_without_the_upstream(self):
        up, proxy = self.start()
        proxy.get()
        up.process.kill()
        up.process.wait()
        self.assertEqual(proxy.get(), DOOR.read_text())
        with self.assertRaises(remote_error) as raised:
            proxy.get("small_hours")
        self.assertEqual(raised.exception.message, "unavailable")

    def test_an_error_is_told_and_not_kept(self):
        up, proxy = self.start()
        for _ in range(2):
            with self.assertRaises(remote_error) as raised:
                proxy.get("lost")
            self.assertEqual(raised.exception.message, "no_such_poem")
        self.assertEqual(up.stats("failed"), 2)


class proxy1(each_proxy, unittest.TestCase):
    program = "proxy1"

    def test_hanging_up_cancels_ones_own_call_upstream(self):
        up, proxy = self.start(*takes(600))
        first, second = proxy.asking(), proxy.asking()
        wait_until(lambda: up.stats("in_flight") == 2)
        first.close()
        wait_until(lambda: up.stats("in_flight") == 1)
        second.close()
        wait_until(lambda: up.stats("cancelled") == 2)


class proxy2(each_proxy, unittest.TestCase):
    program = "proxy2"

    def test_a_call_upstream_goes_on_when_its_client_has_hung_up(self):
        up, proxy = self.start(*takes(1))
        asking = proxy.asking()
        wait_until(lambda: up.stats("begun") == 1)
        asking.close()
        wait_until(lambda: up.stats("in_flight") == 0)
        self.assertEqual((up.stats("finished"), up.stats("cancelled")), (1, 0))
        self.assertEqual(proxy.get(), DOOR.read_text())
        self.assertEqual(up.stats("begun"), 1)


class proxy3(each_proxy, unittest.TestCase):
    program = "proxy3"

    def test_concurrent_requests_share_one_call(self):
        up, proxy = self.start(*takes(1))
        clients = [proxy.asking() for _ in range(50)]
        self.assertEqual([c.receive() for c in clients], [DOOR.read_text()] * 50)
        self.assertEqual(up.stats("begun"), 1)

    def test_concurrent_requests_share_one_failure(self):
        up, proxy = self.start(*takes(600))
        clients = [proxy.asking() for _ in range(10)]
        wait_until(lambda: up.stats("in_flight") == 1)
        up.process.kill()
        for c in clients:
            with self.assertRaises(remote_error) as raised:
                c.receive()
            self.assertEqual(raised.exception.message, "unavailable")

    def test_the_call_stops_when_the_last_client_hangs_up(self):
        up, proxy = self.start(*takes(600))
        clients = [proxy.asking() for _ in range(3)]
        other = proxy.asking("small_hours")
        wait_until(lambda: up.stats("in_flight") == 2)
        for c in clients[:-1]:
            c.close()
        proxy.call("oocrpc.ping")  # by now it knows that they have gone
        self.assertEqual(up.stats("in_flight"), 2)
        clients[-1].close()
        wait_until(lambda: up.stats("cancelled") == 1)
        self.assertEqual(up.stats("in_flight"), 1)
        other.close()
        wait_until(lambda: up.stats("cancelled") == 2)

    def test_who_asks_after_that_begins_anew(self):
        up, proxy = self.start(*takes(600))
        asking = proxy.asking()
        wait_until(lambda: up.stats("in_flight") == 1)
        asking.close()
        wait_until(lambda: up.stats("cancelled") == 1)
        proxy.asking()
        wait_until(lambda: up.stats("in_flight") == 1)
        self.assertEqual(up.stats("begun"), 2)


if __name__ == "__main__":
    del sys.argv[1:]
    outcome = unittest.main(exit=False, verbosity=1).result
    failed = len(outcome.failures) + len(outcome.errors)
    print(f"{outcome.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
