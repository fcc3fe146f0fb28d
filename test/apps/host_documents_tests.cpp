#include <doctest/doctest.h>

#include <sstream>

#include <host/documents.hpp>
#include <host/nearest.hpp>

#include "host_support.hpp"

using host::test::place;

TEST_SUITE("documents") {

namespace {

const host::program whole{"oocrpcd", "Runs services"};

/// Names of all options that a program has.
std::vector<std::string> all_options(const host::program& p, const host::plugins& known) {
    std::vector<std::string> names;
    for (auto table : {host::program_options(), host::host_options()})
        for (const auto& o : p.offered(table)) names.emplace_back(o.name);
    for (const auto& k : known.all())
        for (const auto& o : k.options) names.emplace_back(o.name);
    return names;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != text.npos;
}

} // namespace

TEST_CASE("the nearest name is proposed, and none that is another word") {
    const std::vector<std::string> names{"listen", "threads", "text"};
    CHECK(host::did_you_mean("lisen", names) == "; did you mean 'listen'?");
    CHECK(host::did_you_mean("tread", names) == "; did you mean 'threads'?");
    CHECK(host::did_you_mean("read", names) == "");
    CHECK(host::did_you_mean("txt", names) == "; did you mean 'text'?");
    CHECK(host::did_you_mean("nonsense", names) == "");
    CHECK(host::did_you_mean("x", {}) == "");
}

TEST_CASE("lines break between words, and a long word has its own") {
    CHECK(host::wrapped("", 5) == "");
    CHECK(host::wrapped("aa bb cc", 5) == "aa bb\ncc");
    CHECK(host::wrapped("aa bb cc", 4) == "aa\nbb\ncc");
    CHECK(host::wrapped("a longword b", 4) == "a\nlongword\nb");
}

TEST_CASE("an option is described by its help and what the table says beside it") {
    CHECK(host::described({.name = "a", .help = "Just so"}) == "Just so");
    CHECK(host::described({.name = "a",
                           .help = "How",
                           .fallback = "x",
                           .repeated = true,
                           .required = true,
                           .choices = "x|y"}) ==
          "How (required; x, y; default: x; may be repeated)");
    CHECK(host::value_name_of({.name = "a", .type = oocrpc::option_type::size, .help = ""}) ==
          "SIZE");
    CHECK(host::value_name_of({.name = "a", .help = "", .value_name = "WHO"}) == "WHO");
    CHECK(host::value_name_of({.name = "a", .type = oocrpc::option_type::flag, .help = ""}) == "");
}

TEST_CASE("the list has a line for each plugin, in columns") {
    place p;
    CHECK(list_of(p.known) == "poems  Poems, on request\nquiet  Does nothing\n");
}

TEST_CASE("the configuration is shown in columns, with where each value came from") {
    place p;
    auto r = p.ask("poems");
    r.component = {{"poem", {"/a", "/longer"}}, {"listen", {"oocrpc://h:1"}}};
    p.variables["OOCRPC_DELAY"] = "9s";
    const auto text = shown(load(r, p.known));
    CHECK(contains(text, "host\n  help") == false);
    const auto line = [](std::string name, std::string value, const std::string& from) {
        name.resize(std::string_view("max-connections-per-address").size(), ' ');
        value.resize(std::string_view("oocrpc://h:1").size(), ' ');
        return "  " + name + "  " + value + "  " + from + "\n";
    };
    CHECK(text.starts_with("host\n" + line("daemon", "-", "default")));
    CHECK(contains(text, line("threads", "1", "default")));
    CHECK(contains(text, "component poems, plugin poems\n" +
                             line("listen", "oocrpc://h:1", "command line")));
    CHECK(contains(text, line("poem", "/a", "command line") + line("", "/longer", "command line")));
    CHECK(contains(text, line("delay", "9s", "environment OOCRPC_DELAY")));
}

TEST_CASE("every option of every table is in every document") {
    place p;
    const auto page = man_page(whole, p.known);
    const auto bash = completion(whole, p.known, "bash");
    const auto zsh = completion(whole, p.known, "zsh");
    const auto fish = completion(whole, p.known, "fish");
    for (const auto& name : all_options(whole, p.known)) {
        CAPTURE(name);
        std::string dashed;
        for (const char c : name) dashed += c == '-' ? std::string("\\-") : std::string(1, c);
        CHECK(contains(page, "\\fB\\-\\-" + dashed + "\\fR"));
        CHECK(contains(bash, "--" + name));
        CHECK(contains(zsh, "--" + name + "["));
        CHECK(contains(fish, " -l " + name + " "));
    }
}

TEST_CASE("no line of a manual page is a command by accident") {
    static constexpr oocrpc::option odd[] = {
        {.name = "odd", .help = ".SH is a \\command", .fallback = "'x"}};
    const oocrpc::plugin dots{oocrpc::plugin_abi,      "dots", "'tis odd", odd, false,
                              host::test::make_nothing};
    const host::plugins known("oocrpcd", {&dots});
    const auto page = man_page(whole, known);
    CHECK(contains(page, "\n\\&.SH is a \\ecommand (default: 'x).\n"));
    CHECK(contains(page, "\n\\&'tis odd.\n"));
    std::istringstream lines(page);
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with('.')) CHECK(line.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZnbf") == 1);
}

TEST_CASE("a flat program has its plugin's options and no names of plugins") {
    const host::plugins known("oocrpcd", {&host::test::poems});
    host::program flat{"poems-server", "Serves poems"};
    flat.flat = true;
    flat.without = {"threads"};
    const auto page = man_page(flat, known);
    CHECK_FALSE(contains(page, "threads"));
    CHECK(contains(page, "\\fB\\-\\-poem\\fR"));
    CHECK_FALSE(contains(page, "[[component]]"));
    for (const char* shell : {"bash", "zsh", "fish"}) {
        CAPTURE(shell);
        const auto text = completion(flat, known, shell);
        CHECK(contains(text, shell == std::string("fish") ? " -l poem " : "--poem"));
        CHECK_FALSE(contains(text, "threads"));
    }
}

} // TEST_SUITE("documents")
