#include <doctest/doctest.h>

#include "host_support.hpp"

using namespace std::chrono_literals;
using host::load;
using host::test::place;
using words = std::vector<std::string>;

TEST_SUITE("config") {

TEST_CASE("a tree is the host's options and components in their order") {
    place p;
    p.files.write("app.toml", R"([host]
threads = 2
drain-timeout = "5s"

[[component]]
name = "slow"
plugin = "poems"
on-failure = "restart"
listen = ["oocrpc://127.0.0.1:1"]
poem = ["a.txt", "/b.txt"]
delay = 0.5

[[component]]
plugin = "quiet"
quiet = true
)");
    const auto s = load(p.ask("", "app.toml"), p.known);
    CHECK(s.host.integer("threads") == 2);
    CHECK(s.host.duration("drain-timeout") == 5s);
    REQUIRE(s.components.size() == 2);
    const auto& slow = s.components[0];
    CHECK(slow.name == "slow");
    CHECK(slow.of == &host::test::poems);
    CHECK(slow.policy.action == oocrpc::on_failure::restart);
    CHECK(slow.values.texts("poem") == words{(p.files.path() / "a.txt").string(), "/b.txt"});
    CHECK(slow.values.duration("delay") == 500ms);
    CHECK(slow.values.source("poem") == "app.toml:10:8");
    CHECK(s.components[1].name == "quiet");
    CHECK(s.components[1].policy.action == oocrpc::on_failure::stop);
    CHECK(s.components[1].values.flag("quiet"));
}

TEST_CASE("the environment speaks for the host of a tree, not for its components") {
    place p;
    p.variables = {{"OOCRPC_QUIET", "true"}, {"OOCRPC_THREADS", "7"}};
    p.files.write("app.toml", "[[component]]\nplugin = 'quiet'\n");
    const auto s = load(p.ask("", "app.toml"), p.known);
    CHECK(s.host.integer("threads") == 7);
    CHECK_FALSE(s.components[0].values.flag("quiet"));
}

TEST_CASE("an unknown key of a tree has a place and the nearest name") {
    place p;
    CHECK(p.refusal_of_tree("[host]\nthread = 2\n") ==
          "78 app.toml:2:1: unknown key 'thread'; did you mean 'threads'?");
    CHECK(p.refusal_of_tree("[[component]]\nplugin = 'quiet'\nquite = true\n") ==
          "78 app.toml:3:1: unknown key 'quite'; did you mean 'quiet'?");
    CHECK(p.refusal_of_tree("[[component]]\nplugin = 'quiet'\nonfailure = 'stop'\n") ==
          "78 app.toml:3:1: unknown key 'onfailure'; did you mean 'on-failure'?");
    CHECK(p.refusal_of_tree("[[component]]\nplugin = 'quiet'\nxyzzy = 1\n") ==
          "78 app.toml:3:1: unknown key 'xyzzy'");
    CHECK(p.refusal_of_tree("threads = 2\n") ==
          "78 app.toml:1:1: unknown key 'threads'; the file of a tree has [host] and "
          "[[component]]");
    CHECK(p.refusal_of_tree("[host]\nconfig = 'x'\n") == "78 app.toml:2:1: unknown key 'config'");
}

TEST_CASE("a component that cannot be is refused where it stands") {
    place p;
    CHECK(p.refusal_of_tree("[[component]]\nplugin = 'quite'\n") ==
          "78 app.toml:2:10: unknown plugin 'quite'; did you mean 'quiet'?");
    CHECK(p.refusal_of_tree("\n[[component]]\nname = 'x'\n") ==
          "78 app.toml:2:1: the key 'plugin' is missing");
    CHECK(p.refusal_of_tree("[[component]]\nplugin = 'quiet'\n[[component]]\nplugin = 'quiet'\n") ==
          "78 app.toml:3:1: there is a component 'quiet' already");
    CHECK(p.refusal_of_tree("[[component]]\nplugin = 'poems'\npoem = 'a'\n") ==
          "78 app.toml:1:1: component 'poems': listen is required");
    CHECK(p.refusal_of_tree("[[component]]\nplugin = 'quiet'\non-failure = 'panic'\n") ==
          "78 app.toml:3:14: on-failure: 'panic': expected one of stop, restart, ignore");
    CHECK(p.refusal_of_tree("[[component]]\nplugin = 'quiet'\nname = 'a.b'\n") ==
          "78 app.toml:3:8: name: 'a.b': expected a name without dots");
}

TEST_CASE("a file of another shape is refused where it stands") {
    place p;
    CHECK(p.refusal_of_tree("x = = 3").starts_with("78 app.toml:1:5: "));
    CHECK(p.refusal_of_tree("[host]\nthreads = [1]\n") ==
          "78 app.toml:2:11: threads: expected one value, not a list");
    CHECK(p.refusal_of_tree("[host]\nthreads = {a = 1}\n") ==
          "78 app.toml:2:11: threads: expected a string, a number or a truth value");
    CHECK(p.refusal_of_tree("host = 3\n") == "78 app.toml:1:8: expected [host]");
    CHECK(p.refusal_of_tree("component = [3]\n") == "78 app.toml:1:14: expected [[component]]");
    CHECK(p.refusal_of_tree("[host]\n").ends_with(": there is no [[component]]"));
    CHECK(p.refusal(p.ask("", "absent.toml")).starts_with("66 cannot read '"));
}

TEST_CASE("the file of one plugin has its keys and the host's side by side") {
    place p;
    p.files.write("flat.toml", "listen = 'oocrpc://127.0.0.1:1'\nthreads = 3\npoem = ['/a']\n");
    const auto s = load(p.ask("poems", "flat.toml"), p.known);
    CHECK(s.host.integer("threads") == 3);
    CHECK(s.components[0].values.texts("poem") == words{"/a"});
    CHECK(p.refusal_of_flat("listne = 1\n") ==
          "78 flat.toml:1:1: unknown key 'listne'; did you mean 'listen'?");
    CHECK(p.refusal_of_flat("plugin-dir = 'x'\n").starts_with("78 flat.toml:1:1: unknown key"));
    CHECK(p.refusal_of_flat("poem = ['a', 3, {}]\n") ==
          "78 flat.toml:1:17: poem: expected a string, a number or a truth value");
    CHECK(p.refusal_of_flat("bytes = 1\n") == "64 poems: --listen is required");
}

TEST_CASE("what the program does not offer is no key") {
    place p;
    p.files.write("flat.toml", "threads = 3\n");
    auto r = p.ask("poems", "flat.toml");
    std::erase_if(r.offered, [](const auto& o) { return o.name == "threads"; });
    CHECK(p.refusal(r).starts_with("78 flat.toml:1:1: unknown key 'threads'"));
}

} // TEST_SUITE("config")
