#include "support/served.hpp"

#include <oocrpc/built_in.hpp>
#include <oocrpc/version.hpp>

using namespace oocrpc;
using namespace oocrpc::test;

namespace {

struct point {
    int x = 0, y = 0;
};
struct order {
    std::string name;
    std::vector<point> points;
    std::optional<double> weight;
};

constexpr method<int(int, int)> add{"add", {"a", "b"}};
constexpr method<point(point)> mirror{"mirror", {"p"}};
constexpr method<std::size_t(order)> count_points{"count_points", {"order"}};
constexpr method<json(json)> echo{"echo", {"value"}};
constexpr method<std::string(std::string, std::optional<std::string>)> greet{"greet",
                                                                             {"name", "greeting"}};
constexpr method<void()> quiet{"quiet"};
constexpr method<int(int, int)> unnamed{"unnamed"};
constexpr method<std::string()> whoami{"whoami"};

service demo() {
    service s{"demo", bare_names::yes};
    s.on(add, [](int a, int b) { return a + b; })
        .on(mirror, [](point p) { return point{-p.x, -p.y}; })
        .on(count_points, [](const order& o) { return o.points.size(); })
        .on(echo, [](json value) { return value; })
        .on(greet,
            [](const std::string& name, const std::optional<std::string>& greeting) {
                return greeting.value_or("Hello") + ", " + name;
            })
        .on(quiet, [] {})
        .on(unnamed, [](int a, int b) { return a - b; })
        .on(whoami, [](context& c) { return c.method() + " on " + c.info().protocol; });
    return s;
}

std::string refusal(const std::function<void()>& f) {
    try {
        f();
    } catch (const rpc_error& e) {
        return e.what();
    }
    return "";
}

} // namespace

TEST_SUITE("service") {

TEST_CASE("arguments come by position, by name, or as the only one") {
    ask(demo(), {{"demo.add", "[2, 3]", "5"},
                 {"demo.add", R"({"a": 2, "b": 3})", "5"},
                 {"demo.add", R"({"b": 3, "a": 2})", "5"},
                 {"demo.echo", "7", "7"},
                 {"demo.echo", R"("text")", R"("text")"},
                 {"demo.echo", "[[1, 2]]", "[1,2]"},
                 {"demo.quiet", "", "null"},
                 {"demo.quiet", "[]", "null"},
                 {"demo.quiet", "{}", "null"}});
}

TEST_CASE("an optional parameter may be absent, null or there") {
    ask(demo(), {{"demo.greet", R"(["Ann"])", R"("Hello, Ann")"},
                 {"demo.greet", R"(["Ann", null])", R"("Hello, Ann")"},
                 {"demo.greet", R"(["Ann", "Hi"])", R"("Hi, Ann")"},
                 {"demo.greet", R"({"name": "Ann"})", R"("Hello, Ann")"},
                 {"demo.greet", R"({"greeting": "Hi", "name": "Ann"})", R"("Hi, Ann")"}});
}

TEST_CASE("what does not fit is named with its place and both types") {
    ask(demo(),
        {{"demo.add", "", "invalid_argument: a: missing, expected int32"},
         {"demo.add", "[1]", "invalid_argument: b: missing, expected int32"},
         {"demo.add", "[1, 2, 3, 4]", "invalid_argument: expected 2 arguments, got 4"},
         {"demo.add", R"({"a": 1})", "invalid_argument: b: missing, expected int32"},
         {"demo.add", R"({"a": 1, "b": 2, "c": 3})", "invalid_argument: c: no such parameter"},
         {"demo.add", R"(["x", 2])", "invalid_argument: a: expected int32, got string"},
         {"demo.add", R"([1, {"x": 1}])", "invalid_argument: b: expected int32, got document"},
         {"demo.quiet", "[1]", "invalid_argument: expected 0 arguments, got 1"},
         {"demo.quiet", "1", "invalid_argument: expected 0 arguments, got 1"},
         {"demo.unnamed", "[1]", "invalid_argument: argument 2: missing, expected int32"},
         {"demo.mirror", R"([{"x": 1, "y": "2"}])",
          "invalid_argument: p.y: expected int32, got string"},
         {"demo.count_points",
          R"([{"name": "o", "points": [{"x": 1, "y": 2}, {"x": 1.5, "y": 2}]}])",
          "invalid_argument: order.points[1].x: expected int32, got double"}});
}

TEST_CASE("plain structs travel, lists and optional members included") {
    ask(demo(), {{"demo.mirror", R"([{"x": 1, "y": -2}])", R"({"x":-1,"y":2})"},
                 {"demo.mirror", R"({"p": {"x": 1, "y": -2}})", R"({"x":-1,"y":2})"},
                 {"demo.count_points", R"([{"name": "o", "points": [{"x": 1, "y": 2}]}])", "1"}});
}

TEST_CASE("a method is found by its full name, and by its bare one where the service says so") {
    service full{"full"};
    full.on(add, [](int a, int b) { return a + b; });
    ask(demo(), {{"add", "[2, 3]", "5"},
                 {"whoami", "", R"("whoami on oocrpc")"},
                 {"demo.whoami", "", R"("demo.whoami on oocrpc")"},
                 {"Add", "[2, 3]", "no_such_method: 'Add': no such method"},
                 {"other.add", "[2, 3]", "no_such_method: 'other.add': no such method"}});
    ask(full,
        {{"full.add", "[2, 3]", "5"}, {"add", "[2, 3]", "no_such_method: 'add': no such method"}});
}

TEST_CASE("an rpc_error is answered as it is, another exception only where it may be seen") {
    constexpr method<void()> mine{"mine"}, ours{"ours"}, hidden{"hidden"}, late{"late"}, odd{"odd"};
    service s{""};
    s.on(mine, [] { throw rpc_error("out_of_stock", "no apples", 4711); })
        .on(ours, [] { throw rpc_error(errc::permission_denied, "not you"); })
        .on(hidden, [] { throw std::runtime_error("secret"); })
        .on(odd, [] { throw 5; })
        .on(late, []() -> awaitable<void> {
            co_await sleep_for(std::chrono::milliseconds(1));
            throw std::runtime_error("secret");
        });
    ask(s, {{"mine", "", "out_of_stock: no apples"},
            {"ours", "", "permission_denied: not you"},
            {"hidden", "", "internal: the handler failed"},
            {"odd", "", "internal: the handler failed"},
            {"late", "", "internal: the handler failed"}});
    connection_options exposed;
    exposed.exceptions = exception_text::exposed;
    ask(s,
        {{"hidden", "", "internal: secret"},
         {"odd", "", "internal: the handler failed"},
         {"late", "", "internal: secret"}},
        std::move(exposed));
}

TEST_CASE("a service includes another, and passes on what it does not know") {
    service front{"front"};
    front.include(demo());
    ask(front, {{"demo.add", "[2, 3]", "5"},
                {"add", "[2, 3]", "5"},
                {"x", "", "no_such_method: 'x': no such method"}});
    front.otherwise([](context& c, message) -> maybe_awaitable<message> {
        return message::error(0, errc::unavailable, "no " + c.method() + " today");
    });
    ask(front, {{"demo.add", "[2, 3]", "5"}, {"x", "", "unavailable: no x today"}});
    // What is said of the connection itself is not passed on.
    for (const auto* own : {"oocrpc.sasl_start", "oocrpc.sasl_continue", "oocrpc.x"})
        ask(front, {{own, "", "no_such_method: '" + std::string(own) + "': no such method"}});
    CHECK(front.describe().size() == 8);
}

TEST_CASE("names that are taken, reserved, of another service or empty are refused") {
    service s{"demo", bare_names::yes};
    s.on(add, [](int a, int b) { return a + b; });
    const handler h = [](context&, message) -> maybe_awaitable<message> { return message(); };
    CHECK(refusal([&] { s.on("add", h); }) == "invalid_argument: method 'add': is served already");
    CHECK(refusal([&] { s.on("oocrpc.ping", h); }) ==
          "invalid_argument: method 'oocrpc.ping': the service 'oocrpc' is reserved");
    CHECK(refusal([&] { s.on("other.add", h); }) ==
          "invalid_argument: method 'other.add': belongs to another service");
    CHECK(refusal([&] { s.on("", h); }) == "invalid_argument: method '': a name is missing");
    CHECK(refusal([&] { s.include(s); }).find("is served already") != std::string::npos);
}

TEST_CASE("every service says hello and lists and describes its methods") {
    serving(demo(), [](peer& p) -> awaitable<void> {
        co_await p.call(built_in::ping);
        const auto hello = co_await p.call(built_in::hello);
        CHECK(hello.version == version);
        CHECK(hello.limits.at("max_message") == 16 << 20);
        const auto names = co_await p.call(built_in::list);
        CHECK(names.size() == 8);
        CHECK(names.front() == "demo.add");
        std::optional<std::string> one = "demo.greet", none, bad = "demo.nothing", bare = "greet";
        const auto described = co_await p.call(built_in::describe, one);
        REQUIRE(described.size() == 1);
        CHECK(described[0].name == "demo.greet");
        REQUIRE(described[0].parameters.size() == 2);
        CHECK(described[0].parameters[1].name == "greeting");
        CHECK(described[0].result == "string");
        CHECK(!described[0].streams);
        const auto same = co_await p.call(built_in::describe, bare);
        CHECK(same[0].name == "demo.greet");
        const auto all = co_await p.call(built_in::describe, none);
        CHECK(all.size() == 8);
        std::string text;
        try {
            co_await p.call(built_in::describe, bad);
        } catch (const rpc_error& e) {
            text = e.what();
        }
        CHECK(text == "no_such_method: 'demo.nothing': no such method");
    });
}

TEST_CASE("a raw handler reads the call itself") {
    service s{""};
    s.on("now", [](context&, message call) -> maybe_awaitable<message> {
        return message::reply(0, call.body);
    });
    ask(s, {{"now", "[1]", "[1]"}});
}

TEST_CASE("a name that is a command of a protocol is refused, whatever its case") {
    const handler h = [](context&, message) -> maybe_awaitable<message> {
        return message::reply(0, {bson::type::null, {}});
    };
    for (const auto* name : {"ping", "demo.ping", "Hello", "demo.ISMASTER", "getMore",
                             "listCommands", "killCursors", "serverStatus", "atlasVersion"}) {
        CAPTURE(name);
        service s{"demo"};
        CHECK_THROWS_WITH_AS(s.on(name, h),
                             doctest::Contains("a command of a protocol has that name"), rpc_error);
        service nameless{""};
        CHECK_THROWS_AS(nameless.on(name, h), rpc_error);
    }
    service s{"demo"};
    for (const auto* name : {"find", "insert", "aggregate", "pings", "demo.hello_world"})
        s.on(name, h);
    service nameless{""};
    nameless.on("ping.me", h);
}

} // TEST_SUITE("service")
