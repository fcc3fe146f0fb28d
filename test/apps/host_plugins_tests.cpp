#include <doctest/doctest.h>

#include "host_support.hpp"

#include <sys/stat.h>

using host::test::place;
using oocrpc::option;
using oocrpc::option_type;

TEST_SUITE("plugins") {

namespace {

/// What is wrong with a plugin that has these options.
std::string refusal(std::span<const option> options, bool serves = true) {
    const oocrpc::plugin p{oocrpc::plugin_abi,      "odd", "Odd", options, serves,
                           host::test::make_nothing};
    try {
        const host::plugins known("oocrpcd", {&p});
    } catch (const std::invalid_argument& e) {
        return e.what();
    }
    return "accepted";
}

} // namespace

TEST_CASE("a plugin that serves has the serving options, another one has not") {
    place p;
    CHECK(p.known.find("poems")->options.size() ==
          std::size(host::test::poem_options) + host::serving_options().size());
    CHECK(p.known.find("quiet")->options.size() == std::size(host::test::quiet_options));
    CHECK(p.known.find("prose") == nullptr);
}

TEST_CASE("two plugins of one name are refused") {
    CHECK_THROWS_WITH_AS(host::plugins("oocrpcd", {&host::test::quiet, &host::test::quiet}),
                         "there is a plugin 'quiet' already", std::invalid_argument);
}

TEST_CASE("a plugin may not have the name of a command") {
    const oocrpc::plugin user{oocrpc::plugin_abi,      "user", "Takes over", {}, false,
                              host::test::make_nothing};
    CHECK_THROWS_WITH_AS(host::plugins("oocrpcd", {&user}),
                         "'user' is a command of the host, and no plugin's name",
                         std::invalid_argument);
}

TEST_CASE("options of a plugin may not be taken for others") {
    static constexpr option threads[] = {{.name = "threads", .help = "mine"}};
    static constexpr option name[] = {{.name = "name", .help = "mine"}};
    static constexpr option help[] = {{.name = "help", .help = "mine"}};
    static constexpr option listen[] = {{.name = "listen", .help = "mine"}};
    static constexpr option twice[] = {{.name = "a", .help = "one"}, {.name = "a", .help = "two"}};
    static constexpr option blank[] = {{.name = "a b", .help = "mine"}};
    static constexpr option bad[] = {
        {.name = "n", .type = option_type::integer, .help = "mine", .fallback = "many"}};
    for (const auto& table : {std::span(threads), std::span(name), std::span(help)}) {
        CAPTURE(table[0].name);
        CHECK(refusal(table).ends_with("has the name of another option"));
    }
    CHECK(refusal(listen) == "its option 'listen' has the name of another option");
    CHECK(refusal(listen, false) == "accepted");
    CHECK(refusal(twice) == "its option 'a' has the name of another option");
    CHECK(refusal(blank) == "its option 'a b' is no name");
    CHECK(refusal(bad) == "its option 'n' has a bad default: 'many': expected a whole number");
}

TEST_CASE("a file that is no plugin is one line that names it, and others are ignored") {
    place p;
    std::vector<std::string> lines;
    p.known.complain = [&](const std::string& line) { lines.push_back(line); };
    p.files.write("b.so", "this is no shared object");
    p.files.write("README", "neither is this, but it does not say so");
    const auto directory = p.files.path().string();
    p.known.load(directory);
    p.known.load(directory); // has been seen
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].starts_with("plugin " + directory + "/b.so: "));
    CHECK(lines[0].find('\n') == std::string::npos);
    CHECK(p.known.all().size() == 2);
}

TEST_CASE("a file that crashes, hangs or ends the process is one line, and others are loaded") {
    const std::filesystem::path broken = BROKEN_PLUGINS; // where the build has made them
    place p;
    const auto directory = p.files.path().string();
    for (const char* name : {"throws", "function", "exits", "sound"})
        std::filesystem::copy(broken / (std::string(name) + ".so"), p.files.path());
    // Half of one, with all that says where the rest would be.
    std::filesystem::copy(broken / "sound.so", p.files.path() / "half.so");
    std::filesystem::resize_file(p.files.path() / "half.so", 4096);
    REQUIRE(::mkfifo((directory + "/fifo.so").c_str(), 0600) == 0);
    std::map<std::string, std::string> said;
    p.known.complain = [&](const std::string& line) {
        const auto name = line.find(directory) + directory.size() + 1;
        said[line.substr(name, line.find('.', name) - name)] = line.substr(line.find(": ") + 2);
    };
    p.known.load(directory);
    CHECK(said["throws"] == "it crashed: Aborted");
    CHECK(said["function"].starts_with("it crashed: "));
    CHECK(said["exits"] == "it ended the process with 3");
    CHECK(said["fifo"] == "it is no regular file");
    CHECK(!said["half"].empty());
    CHECK(said.size() == 5);
    REQUIRE(p.known.find("sound"));
    CHECK(p.known.find("sound")->file == directory + "/sound.so");
}

TEST_CASE("a file that hangs is given up") {
    place p;
    std::filesystem::copy(std::filesystem::path(BROKEN_PLUGINS) / "hangs.so", p.files.path());
    std::vector<std::string> lines;
    p.known.complain = [&](const std::string& line) { lines.push_back(line); };
    p.known.loading_time = std::chrono::milliseconds(200);
    p.known.load(p.files.path().string());
    CHECK(lines ==
          std::vector<std::string>{"plugin " + p.files.path().string() + "/hangs.so: it hangs"});
}

TEST_CASE("a directory that is not there is one line that names it") {
    place p;
    std::vector<std::string> lines;
    p.known.complain = [&](const std::string& line) { lines.push_back(line); };
    p.known.load("/nowhere/at/all");
    REQUIRE(lines.size() == 1);
    CHECK(lines[0] == "plugins in /nowhere/at/all: No such file or directory");
}

} // TEST_SUITE("plugins")
