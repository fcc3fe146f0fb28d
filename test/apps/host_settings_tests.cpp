#include <doctest/doctest.h>

#include <oocrpc/server.hpp>

#include "host_support.hpp"

using namespace std::chrono_literals;
using host::load;
using host::test::place;
using words = std::vector<std::string>;

TEST_SUITE("settings") {

namespace {

/// The least that the plugin poems needs.
host::request poems_of(place& p, std::string config = {}) {
    auto r = p.ask("poems", std::move(config));
    r.component = {{"poem", {"/a.txt"}}, {"listen", {"oocrpc://127.0.0.1:1"}}};
    return r;
}

} // namespace

TEST_CASE("a plugin alone is one component of its name") {
    place p;
    const auto s = load(poems_of(p), p.known);
    REQUIRE(s.components.size() == 1);
    CHECK(s.components[0].name == "poems");
    CHECK(s.components[0].of == &host::test::poems);
    CHECK(s.components[0].policy.action == oocrpc::on_failure::stop);
    CHECK(s.components[0].values.text("poem") == "/a.txt");
    CHECK(s.components[0].values.source("poem") == "command line");
    CHECK(s.components[0].values.duration("delay") == 1s);
    CHECK(s.host.integer("threads") == 1);
}

TEST_CASE("the command line wins over the environment, that over the file, that over the default") {
    place p;
    p.files.write("f.toml", "threads = 2\ndelay = '2s'\nbytes = 5\n");
    auto r = poems_of(p, "f.toml");
    auto s = load(r, p.known);
    CHECK(s.host.integer("threads") == 2);
    CHECK(s.host.source("threads") == "f.toml:1:11");
    CHECK(s.components[0].values.duration("delay") == 2s);

    p.variables = {{"OOCRPC_THREADS", "3"}, {"OOCRPC_DELAY", "3s"}};
    s = load(r, p.known);
    CHECK(s.host.integer("threads") == 3);
    CHECK(s.host.source("threads") == "environment OOCRPC_THREADS");
    CHECK(s.components[0].values.duration("delay") == 3s);

    r.host = {{"threads", {"4"}}};
    r.component.push_back({"delay", {"4s"}});
    s = load(r, p.known);
    CHECK(s.host.integer("threads") == 4);
    CHECK(s.components[0].values.duration("delay") == 4s);
    CHECK(s.components[0].values.source("bytes") == "f.toml:3:9");
    CHECK(s.host.source("log-level") == "default");
}

TEST_CASE("a file that changed says something else the next time") {
    place p;
    p.files.write("f.toml", "threads = 2");
    const auto r = poems_of(p, "f.toml");
    CHECK(load(r, p.known).host.integer("threads") == 2);
    p.files.write("f.toml", "threads = 5");
    CHECK(load(r, p.known).host.integer("threads") == 5);
    p.files.write("f.toml", "threads = 0");
    CHECK(p.refusal(r) == "78 f.toml:1:11: threads: '0': expected from 1 to 256");
}

TEST_CASE("several values in the environment have blanks between them") {
    place p;
    auto r = p.ask("poems");
    p.variables = {{"OOCRPC_LISTEN", "oocrpc://a:1  oocrpc://b:2"}, {"OOCRPC_POEM", "/a /b"}};
    const auto s = load(r, p.known);
    CHECK(s.components[0].values.texts("listen") == words{"oocrpc://a:1", "oocrpc://b:2"});
    CHECK(s.components[0].values.texts("poem") == words{"/a", "/b"});
}

TEST_CASE("directories of plugins in the environment have colons between them") {
    place p;
    p.variables["OOCRPC_PLUGIN_PATH"] = "/one place::/two";
    CHECK(plugin_directories(p.ask("")) == words{"/one place", "/two"});
}

TEST_CASE("paths are relative to where the program was started") {
    place p;
    auto r = poems_of(p);
    r.started_in = "/somewhere/here";
    r.component[0].values = {"../a.txt", "/b.txt"};
    r.host = {{"logfile", {"x.log"}}};
    const auto s = load(r, p.known);
    CHECK(s.components[0].values.texts("poem") == words{"/somewhere/a.txt", "/b.txt"});
    CHECK(s.host.text("logfile") == "/somewhere/here/x.log");
}

TEST_CASE("a bad value on the command line or in the environment is named as it was given") {
    place p;
    auto r = poems_of(p);
    r.host = {{"threads", {"0"}}};
    CHECK(p.refusal(r) == "64 --threads: '0': expected from 1 to 256");
    r.host.clear();
    p.variables["OOCRPC_LOG_FORMAT"] = "yaml";
    CHECK(p.refusal(r) == "78 OOCRPC_LOG_FORMAT: 'yaml': expected one of text, json");
}

TEST_CASE("what is required and missing is named with its component") {
    place p;
    auto r = p.ask("poems");
    r.component = {{"listen", {"oocrpc://127.0.0.1:1"}}};
    CHECK(p.refusal(r) == "64 poems: --poem is required");
    CHECK(p.refusal(p.ask("")) == "64 the name of a plugin or --config is missing");
}

TEST_CASE("the serving options have the library's defaults") {
    const oocrpc::option_values v(host::serving_options());
    const oocrpc::limits each;
    CHECK(v.size("max-in-flight") == each.max_in_flight);
    CHECK(v.size("max-streams") == each.max_streams);
    CHECK(v.size("max-cancels") == each.max_cancels);
    CHECK(v.size("max-outgoing") == each.max_outgoing);
    CHECK(v.size("max-message") == each.max_message);
    CHECK(v.size("max-message-before-login") == each.max_message_before_login);
    CHECK(v.size("max-depth") == each.max_depth);
    CHECK(v.size("max-elements") == each.max_elements);
    CHECK(v.size("max-queued") == each.max_queued);
    CHECK(v.duration("handshake-timeout") == each.handshake_timeout);
    CHECK(v.duration("first-frame-timeout") == each.first_frame_timeout);
    CHECK(v.duration("frame-timeout") == each.frame_timeout);
    CHECK(v.size("frame-rate") == each.frame_rate);
    CHECK(v.duration("write-timeout") == each.write_timeout);
    CHECK(v.duration("idle-timeout") == each.idle_timeout);
    const oocrpc::server_options all;
    CHECK(v.size("max-connections") == all.max_connections);
    CHECK(v.size("max-connections-per-address") == all.max_connections_per_address);
    const oocrpc::option_values h(host::host_options());
    CHECK(h.duration("drain-timeout") == oocrpc::server_options().drain_timeout);
}

TEST_CASE("a daemon has a pid file in its directory unless told otherwise") {
    oocrpc::option_values h(host::host_options());
    CHECK(host::pid_file_path(h) == "");
    h.set("daemon", {"true"}, "test");
    CHECK(host::becomes_daemon(h));
    CHECK(host::pid_file_path(h) == "oocrpcd.pid");
    h.set("rundir", {"/run/x"}, "test");
    CHECK(host::pid_file_path(h) == "/run/x/oocrpcd.pid");
    h.set("pidfile", {"/a.pid"}, "test");
    CHECK(host::pid_file_path(h) == "/a.pid");
    h.set("no-pidfile", {"true"}, "test");
    CHECK(host::pid_file_path(h) == "");
    h.set("nodaemon", {"true"}, "test");
    CHECK_FALSE(host::becomes_daemon(h));
}

TEST_CASE("all tables have valid defaults and names of their own") {
    std::vector<std::string_view> names;
    for (auto table : {host::program_options(), host::host_options(), host::serving_options()})
        for (const auto& o : table) {
            CAPTURE(o.name);
            CHECK(std::ranges::find(names, o.name) == names.end());
            names.push_back(o.name);
            CHECK_FALSE(o.help.ends_with('.'));
            if (!o.fallback.empty()) CHECK(oocrpc::why_invalid(o, o.fallback) == "");
        }
    CHECK(oocrpc::option_values(host::host_options()).missing().empty());
}

} // TEST_SUITE("settings")
