#!/usr/bin/env python3
"""Finds what g++ 12 refuses or miscompiles in an expression that contains a co_await.

In the whole expression, before the co_await or behind it, g++ 12 destroys twice the temporary of
an aggregate (`co_await f(point{1, s})`, `f(point{co_await g(), s})`) and of a lambda that captures
by copy (`co_await f([s = s] { ... })`), and does not compile an initializer list
(`co_await f({{"a", 1}})`). Each of them belongs in a statement of its own, under a name.

A braced temporary of a class with constructors is sound, but looks the same: write it with
parentheses, add its name to SOUND, or end its line with `// lint: co_await ok`.

Reads include, lib, apps, test and the C++ blocks of all Markdown pages.
"""
import pathlib
import re
import sys

# Types whose braced temporaries are no aggregates.
SOUND = re.compile(r"""(std::)?(chrono::)?(nanoseconds|microseconds|milliseconds|seconds|minutes|
    hours|string|string_view|error_code|exception_ptr|size_t|u?int(8|16|32|64)?(_t)?|bool|double|
    deadline|rpc_error)""", re.X)
ESCAPE = "lint: co_await ok"

TOKEN = re.compile(r"""
    (?P<skip>\s+|//[^\n]*|/\*.*?\*/|^[ \t]*\#(?:\\\n|[^\n])*)
  | (?P<raw>(?:u8|[uUL])?R"(?P<delim>[^(\s]*)\(.*?\)(?P=delim)")
  | (?P<string>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*"|(?:u8|[uUL])?'(?:\\.|[^'\\\n])*')
  | (?P<number>\.?\d(?:'?[\w.])*)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<op>::|->|\[\[|.)""", re.X | re.S | re.M)

CLOSER = {"(": ")", "[": "]", "{": "}"}
HEADERS = {"if", "for", "while", "switch", "catch", "constexpr"}
AFTER_PARAMETERS = {"mutable", "noexcept", "const", "override", "final", "constexpr", "requires"}


class source:
    def __init__(self, text):
        self.tokens, self.lines = [], []
        line = 1
        for m in TOKEN.finditer(text):
            if m.lastgroup != "skip":
                word = '""' if m.lastgroup in ("raw", "delim", "string") else m.group()
                for part in ("[", "[") if word == "[[" else (word,):
                    self.tokens.append(part)
                    self.lines.append(line)
            line += m.group().count("\n")
        self.match = self.pair()

    def pair(self):
        match, stack = {}, []
        for i, token in enumerate(self.tokens):
            if token in CLOSER:
                stack.append(i)
            elif token in CLOSER.values() and stack and CLOSER[self.tokens[stack[-1]]] == token:
                match[i] = stack.pop()
                match[match[i]] = i
        return match

    def at(self, i):
        return self.tokens[i] if 0 <= i < len(self.tokens) else ""

    def opens_lambda(self, i):
        """Whether the `[` at i begins a lambda: no subscript, no attribute, no binding."""
        before = self.at(i - 1)
        if before in (")", "]", '""') or self.at(i + 1) == "[" or before == "[":
            return False
        if re.match(r"\w", before) and before not in ("return", "co_return", "co_await", "co_yield"):
            return False
        return not (before == "&" and self.at(i - 2) == "auto")

    def body_owner(self, i):
        """What the `{` at i is the body of: "lambda", "block", or None for a braced initializer."""
        j = i - 1
        # step back over a trailing return type: `) -> awaitable<int>`
        k = j
        while k > 0 and (re.match(r"\w", self.at(k)) or self.at(k) in ("::", "<", ">", ",", "*", "&")):
            k -= 1
        if self.at(k) == "->" and (self.at(k - 1) in (")", "]") or self.at(k - 1) in AFTER_PARAMETERS):
            j = k - 1
        while self.at(j) in AFTER_PARAMETERS:
            j -= 1
        if self.at(j) == ")":
            opener = self.match.get(j, 0)
            if self.at(opener - 1) == "noexcept":
                return self.body_owner(opener - 1)
            return "lambda" if self.at(opener - 1) == "]" else "block"
        if self.at(j) == "]":
            return "lambda" if self.opens_lambda(self.match.get(j, 0)) else None
        if self.at(j) in ("", ";", "{", "}", "else", "do", "try", ":"):
            return "block"
        # namespace, class and enum bodies: their keyword stands before, in the same statement
        k = j
        while k >= 0 and self.at(k) not in (";", "{", "}", "(", ")"):
            if self.at(k) in ("namespace", "class", "struct", "union", "enum", "extern"):
                return "block"
            k -= 1
        return None

    def is_header(self, i):
        return self.at(i) == "(" and self.at(i - 1) in HEADERS

    def expression(self, start):
        """The tokens of the full expression around the co_await at start, without the bodies of
        lambdas in it."""
        inside = [start]
        i = start - 1
        while i >= 0:
            token = self.at(i)
            if token == ";" or self.is_header(i):
                break
            if token == "{" and self.body_owner(i):
                break
            if token in CLOSER.values() and i in self.match:
                opener = self.match[i]
                owner = self.body_owner(opener) if token == "}" else None
                if owner == "block" or self.is_header(opener):
                    break
                inside += [opener] if owner else self.within(opener, i)
                i = opener
            inside.append(i)
            i -= 1
        i = start + 1
        while i < len(self.tokens):
            token = self.at(i)
            if token == ";":
                break
            if token in CLOSER and i in self.match:
                owner = self.body_owner(i) if token == "{" else None
                if owner == "block":
                    break
                inside += [i] if owner else self.within(i, self.match[i])
                i = self.match[i]
            elif token in CLOSER.values() and i in self.match:
                opener = self.match[i]
                if self.is_header(opener) or (token == "}" and self.body_owner(opener)):
                    break
            inside.append(i)
            i += 1
        return sorted(set(inside))

    def within(self, opener, closer):
        found, i = [], opener
        while i <= closer:
            found.append(i)
            if self.at(i) == "{" and i in self.match and self.body_owner(i):
                i = self.match[i]
            i += 1
        return found

    def copies(self, i):
        """Whether the lambda that begins at i captures by copy."""
        capture, item = self.tokens[i + 1:self.match[i]], []
        items, depth = [item], 0
        for token in capture:
            depth += (token in CLOSER) - (token in CLOSER.values())
            if token == "," and depth == 0:
                item = []
                items.append(item)
            else:
                item.append(token)
        return any(it and it[0] != "&" and it != ["this"] for it in items)

    def type_before(self, i):
        """The name that the `{` at i follows, such as std::vector (template arguments left out)."""
        j = i - 1
        if self.at(j) == ">":
            depth = 0
            while j >= 0:
                depth += (self.at(j) == ">") - (self.at(j) == "<")
                j -= 1
                if depth == 0:
                    break
        name = ""
        while re.match(r"[A-Za-z_]", self.at(j)) or self.at(j) == "::":
            if name and self.at(j) != "::" and not name.startswith("::"):
                break
            name = self.at(j) + name
            j -= 1
        return name

    def problems(self):
        for start, token in enumerate(self.tokens):
            if token != "co_await":
                continue
            for i in self.expression(start):
                if self.at(i) == "{" and i in self.match and not self.body_owner(i):
                    name = self.type_before(i)
                    if not SOUND.fullmatch(name) and name not in ("return", "co_return"):
                        yield self.lines[i], f"braced {name or 'list'} in a co_await expression"
                    elif name in ("return", "co_return"):
                        yield self.lines[i], "braced list in a co_await expression"
                elif self.at(i) == "[" and i in self.match and self.opens_lambda(i):
                    if self.at(i - 1) == "co_await":
                        yield self.lines[i], "a lambda that is called in a co_await expression"
                    elif self.copies(i):
                        yield self.lines[i], "a lambda that captures by copy in a co_await expression"


def lint(text):
    lines = text.split("\n")
    return sorted({(line, what) for line, what in source(text).problems()
                   if ESCAPE not in lines[line - 1]})


def code_of(path):
    """The C++ of a file; of a Markdown page its C++ blocks, every line where it was."""
    text = path.read_text()
    if path.suffix != ".md":
        return text
    kept, inside = [], False
    for line in text.split("\n"):
        if line.lstrip().startswith("```"):
            inside = not inside and bool(re.match(r"\s*```\s*(cpp|c\+\+|cc)\b", line))
            kept.append("")
        else:
            kept.append(line if inside else "")
    return "\n".join(kept)


def self_test():
    """In lint_examples.cpp exactly the lines with the comment `// bad` are found."""
    text = pathlib.Path(__file__).with_name("lint_examples.cpp").read_text()
    expected = {n for n, line in enumerate(text.split("\n"), 1) if line.endswith("// bad")}
    found = {line for line, _ in lint(text)}
    for line in sorted(expected ^ found):
        print(f"lint_examples.cpp:{line}: {'not found' if line in expected else 'found by mistake'}")
    assert found == expected


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = pathlib.Path(__file__).resolve().parents[2]
    files = [path for top in ("include", "lib", "apps", "test")
             for path in (root / top).rglob("*") if path.suffix in (".hpp", ".cpp", ".md")]
    files += root.glob("*.md")
    files = [path for path in files if path.name != "lint_examples.cpp"]
    failed = False
    for path in sorted(files):
        for line, what in lint(code_of(path)):
            print(f"{path.relative_to(root)}:{line}: {what}")
            failed = True
    print("co_await lint:", "failed" if failed else f"ok, {len(files)} files")
    sys.exit(1 if failed else 0)


main()
