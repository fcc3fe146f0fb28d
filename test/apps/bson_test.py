#!/usr/bin/env python3
"""`oocrpc bson` from outside: the tables of bson_cases.py, and how it deals with its files.

    bson_test.py OOCRPC [unittest arguments]

The last line counts the cases, as test/README.md says.
"""
import os
import signal
import subprocess
import sys
import unittest

import bson_cases
import bson_corpus
from bson_cases import document, element, i32, string

OOCRPC = sys.argv[1]
PATIENCE = 60  # seconds; only a test that fails waits so long
LIMIT = 64 << 20

one = document(element(16, "a", i32(1)))
two = document(element(2, "b", string("诗")))


def run(data, *words):
    done = subprocess.run([OOCRPC, "bson", *words], input=data, capture_output=True,
                          timeout=PATIENCE)
    return done.returncode, done.stdout, done.stderr.decode()


class bson(unittest.TestCase):
    def bad(self, word, data, message, out=b""):
        self.assertEqual(run(data, word), (65, out, f"oocrpc: {message}\n"))

    def test_documents_become_lines(self):
        self.assertEqual(run(one + two, "dump"), (0, '{"a":1}\n{"b":"诗"}\n'.encode(), ""))
        self.assertEqual(run(one + two, "dump", "--canonical"),
                         (0, '{"a":{"$numberInt":"1"}}\n{"b":"诗"}\n'.encode(), ""))

    def test_lines_become_documents(self):
        for text in ('{"a":1}{"b":"诗"}', ' \r\n{"a":1}\n\n\t{"b":\n"\\u8bd7"}\n',
                     '{"a":{"$numberInt":"1"}}\n{"b":"诗"}'):
            self.assertEqual(run(text.encode(), "load"), (0, one + two, ""))

    def test_nothing_becomes_nothing(self):
        self.assertEqual(run(b"", "dump"), (0, b"", ""))
        self.assertEqual(run(b"", "load"), (0, b"", ""))
        self.assertEqual(run(b" \n", "load"), (0, b"", ""))

    def test_bad_bson_is_65_with_the_offset_after_what_comes_before_it(self):
        before = b'{"a":1}\n'
        self.bad("dump", one + two[:10], "byte 22: document is cut off, 10 of 16 bytes are there "
                 "(document 2, which begins at byte 12)", before)
        self.bad("dump", one + b"\5\0", "byte 14: the length of a document is cut off "
                 "(document 2, which begins at byte 12)", before)
        self.bad("dump", one + b"\4\0\0\0", "byte 12: document length is below 5 "
                 "(document 2, which begins at byte 12)", before)
        self.bad("dump", one + document(element(2, "b", i32(2) + b"\xff\0")),
                 "byte 23: string is not UTF-8 (document 2, which begins at byte 12)", before)

    def test_bad_json_is_65_with_the_offset_after_what_comes_before_it(self):
        for text, at in ((b"{} x", 3), (b'{}\n{"a" 5}', 8), (b'{} {"a":[1,2}', 12), (b"{} {", 4),
                         (b'{} {"a":"\xff"}', 9), (b'{} {"a":"\\ud800"}', 15)):
            code, out, err = run(text, "load")
            self.assertEqual((code, out), (65, document()), text)
            self.assertRegex(err, rf"\Aoocrpc: byte {at}: .* \(document 2, which begins at byte "
                                  r"3\)\n\Z")

    def test_json_that_makes_no_document_is_65_with_the_path(self):
        first = " (document 1, which begins at byte 0)"
        self.bad("load", b'{"a":{"b":[0,{"$oid":5}]}}', "a.b[1]: $oid needs a string" + first)
        self.bad("load", b'{"a":{"$code":"","$scope":{"b":{"$date":5}}}}',
                 "a.$scope.b: $date needs a string or $numberLong" + first)
        self.bad("load", b"[]", "expected an object, got array" + first)
        self.bad("load", b'{} {"a\\u001b[2J":{"$minKey":0}}', "a\\x1b[2J: $minKey needs 1 "
                 "(document 2, which begins at byte 3)", document())

    def test_a_long_token_is_not_told_in_full(self):
        code, out, err = run(b'{"a":"' + b"x" * 100000, "load")
        self.assertEqual((code, out), (65, b""))
        self.assertLess(len(err), 400)

    def test_keys_that_come_twice_stay(self):
        text = '{"a":1,"b":[{"x":1,"x":2}],"a":2}\n'
        code, data, err = run(text.encode(), "load")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(run(data, "dump"), (0, text.encode(), ""))

    def test_100_levels_are_taken_and_101_are_not(self):
        for left, inside, right in (('{"a":', "{}", "}"), ('{"a":[', "null", "]}")):
            nested = lambda n: left * n + inside + right * n
            levels = len(left.replace('"a":', ""))
            n = 99 if inside == "{}" else 100 // levels
            code, data, err = run(nested(n).encode(), "load")
            self.assertEqual((code, err), (0, ""))
            self.assertEqual(run(data, "dump"), (0, nested(n).encode() + b"\n", ""))
            code, out, err = run(nested(n + 1).encode(), "load")
            self.assertEqual((code, out), (65, b""))
            self.assertIn(": nested more than 100 deep (", err)
        deep = document()
        for _ in range(100):
            deep = document(element(3, "a", deep))
        self.bad("dump", deep, "byte 700: documents are nested too deeply "
                 "(document 1, which begins at byte 0)")
        self.assertEqual(run(b'{"a":' * 100000, "load")[0], 65)

    def test_documents_larger_than_a_block_survive(self):
        for size in (65520, 65536, 200000):
            data = document(element(5, "b", bson_cases.binary(0, b"\xab" * size))) + one
            code, text, err = run(data, "dump", "--canonical")
            self.assertEqual((code, err), (0, ""))
            self.assertEqual(run(text, "load"), (0, data, ""))

    def test_a_document_has_at_most_64_mib(self):
        self.bad("dump", i32(LIMIT + 1), f"byte 0: a document of {LIMIT + 1} bytes exceeds {LIMIT} "
                 "(document 1, which begins at byte 0)")
        self.bad("dump", i32(LIMIT), f"byte 4: document is cut off, 4 of {LIMIT} bytes are there "
                 "(document 1, which begins at byte 0)")

    def test_a_document_is_written_before_the_next_one_comes(self):
        for word, given, wanted in (("dump", one, b'{"a":1}\n'), ("load", b'{"a":1}', one)):
            process = subprocess.Popen([OOCRPC, "bson", word], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE)
            process.stdin.write(given)
            process.stdin.flush()
            self.assertEqual(process.stdout.read(len(wanted)), wanted)
            self.assertIsNone(process.poll())
            self.assertEqual(process.communicate(timeout=PATIENCE)[0], b"")
            self.assertEqual(process.returncode, 0)

    def test_a_signal_ends_the_wait_for_input(self):
        process = subprocess.Popen([OOCRPC, "bson", "dump"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        process.stdin.write(one)
        process.stdin.flush()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, -signal.SIGINT)

    def test_a_closed_stdout_ends_quietly(self):
        for word, given in (("dump", one), ("load", b'{"a":1}')):
            process = subprocess.Popen([OOCRPC, "bson", word], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            process.stdout.close()
            process.stdin.write(given * 1000)
            process.stdin.close()
            self.assertEqual(process.wait(timeout=PATIENCE), 0)
            self.assertEqual(process.stderr.read(), b"")
            process.stderr.close()

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_a_full_stdout_is_74(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([OOCRPC, "bson", "dump"], input=one, stdout=full,
                                  stderr=subprocess.PIPE, timeout=PATIENCE)
        self.assertEqual(done.returncode, 74)
        self.assertRegex(done.stderr, rb"\Aoocrpc: stdout: .+\n\Z")

    def test_a_stdin_that_cannot_be_read_is_74(self):
        folder = os.open("/", os.O_RDONLY)
        self.addCleanup(os.close, folder)
        for word in ("dump", "load"):
            done = subprocess.run([OOCRPC, "bson", word], stdin=folder, capture_output=True,
                                  timeout=PATIENCE)
            self.assertEqual((done.returncode, done.stdout), (74, b""))
            self.assertRegex(done.stderr, rb"\Aoocrpc: stdin: .+\n\Z")

    def test_wrong_usage_is_64(self):
        for words in ((), ("dumb",), ("dump", "--relaxed"), ("load", "--canonical"), ("dump", "x")):
            code, out, err = run(b"", *words)
            self.assertEqual((code, out), (64, b""))
            self.assertRegex(err, r"\Aoocrpc: .+; see oocrpc --help\n\Z")

    def test_the_help_tells_of_the_limit_and_the_exit_code(self):
        code, out, err = run(b"", "--help")
        self.assertEqual((code, err), (0, ""))
        self.assertIn(b"64 MiB", out)
        self.assertIn(b"exit code 65", out)

    def test_what_compares_cases_sees_what_is_wrong(self):
        """A table that cannot fail is worse than none."""
        case = bson_cases.valid("", one, '{"a":{"$numberInt":"1"}}', '{"a":1}')
        wrong = [dict(case, canonical_bson=two.hex()), dict(case, relaxed_extjson='{"a":1.0}'),
                 dict(case, canonical_extjson='{"a":{"$numberLong":"1"}}'),
                 dict(case, degenerate_extjson='{"a":2}'), dict(case, degenerate_bson=two.hex())]
        tables = [{"description": "", "valid": [c]} for c in [case, *wrong]]
        tables.append({"description": "", "decodeErrors": [{"description": "", "bson": one.hex()}]})
        tables.append({"description": "", "parseErrors": [{"description": "", "string": "{}"}]})
        failed, count = bson_corpus.run_all(OOCRPC, tables)
        self.assertEqual((len(failed), count), (7, 8))


if __name__ == "__main__":
    del sys.argv[1]
    outcome = unittest.main(exit=False, verbosity=1).result
    failures, cases = bson_corpus.run_all(OOCRPC, bson_cases.all_tables())
    print(*failures, sep="\n")
    failed = len(outcome.failures) + len(outcome.errors) + len(failures)
    print(f"{outcome.testsRun + cases - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
