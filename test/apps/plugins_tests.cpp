// The built-in plugins, as a host makes, starts and stops them.
#include "proxy_support.hpp"

#include <fstream>

#include <demo/plugin.hpp>
#include <host/exit.hpp>
#include <host/host_options.hpp>
#include <oocrpc/components.hpp>
#include <poetry/plugin.hpp>
#include <poetry/poems.hpp>
#include <proxy/plugin.hpp>
#include <proxy/proxy_service.hpp>

using namespace oocrpc;
using oocrpc::test::run;
using oocrpc::test::settle;

TEST_SUITE("plugins") {

namespace {

const std::string any_port = "oocrpc://127.0.0.1:0";

std::vector<option> options_of(const plugin& p) {
    std::vector<option> all(host::serving_options().begin(), host::serving_options().end());
    all.insert(all.end(), p.options.begin(), p.options.end());
    return all;
}

/// As little of a host as a plugin can do with.
class small_host final : public plugin_host {
  public:
    small_host(asio::io_context& io, const plugin& p)
        : table_(options_of(p)),
          executor_(io.get_executor()),
          values(table_) {
        set("listen", any_port);
    }
    void set(std::string_view name, std::string value) {
        values.set(name, std::vector<std::string>(1, std::move(value)), "test");
    }

    const std::string& name() const override { return name_; }
    const option_values& options() const override { return values; }
    any_io_executor executor() override { return executor_; }
    std::unique_ptr<component> serve(handler h, serve_options how) override {
        one_thread = !how.all_threads;
        auto made = std::make_unique<server_component>(how.name.empty() ? name_ : how.name,
                                                       options().texts("listen"), std::move(h),
                                                       std::move(how.server));
        server = made.get();
        return made;
    }
    awaitable<void> tree_started() override { co_return; }
    std::chrono::milliseconds drain_timeout() const override { return std::chrono::seconds(1); }
    std::shared_ptr<memory_budget> memory() const override { return nullptr; }
    void also_ready_on(std::string address) override { also.push_back(std::move(address)); }
    void hint(std::string lines) override { hints += lines; }
    void log(log_level, std::string_view message, log_fields) override { logged = message; }

  private:
    std::string name_ = "it";
    std::vector<option> table_;
    any_io_executor executor_;

  public:
    option_values values;
    server_component* server = nullptr;
    bool one_thread = false;
    std::vector<std::string> also;
    std::string hints, logged;
};

/// A poem in a file that goes with this.
struct poem_file {
    std::string path = (std::filesystem::temp_directory_path() /
                        ("oocrpc-ode-" + std::to_string(::getpid()) + ".txt"))
                           .string();
    poem_file() { std::ofstream(path) << "an ode\n"; }
    ~poem_file() { std::filesystem::remove(path); }
};

awaitable<std::string> first_poem(small_host& host) {
    client c(host.executor(), host.server->addresses().front().to_string());
    const std::optional<std::string> unnamed;
    auto text = co_await c.call(poetry::get_poem, unnamed);
    c.close();
    co_await settle();
    co_return text;
}

std::string refusal(small_host& host, const plugin& p) {
    try {
        p.make(host);
    } catch (const host::failure& e) {
        return e.what();
    }
    return "made";
}

} // namespace

TEST_CASE("the poetry plugin serves, names its text port, and can be started again") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        const poem_file ode;
        small_host host(io, poetry::plugin);
        host.set("poem", ode.path);
        host.set("text", "127.0.0.1:0");
        const auto made = poetry::plugin.make(host);
        CHECK(made->name() == "it");
        for (std::size_t times = 1; times <= 2; ++times) {
            co_await made->start();
            REQUIRE(host.also.size() == times);
            CHECK(host.also.back().starts_with("text 127.0.0.1:"));
            CHECK(co_await first_poem(host) == "an ode\n");
            co_await made->stop();
        }
        CHECK_FALSE(host.one_thread);
    });
}

TEST_CASE("half of a pace is refused") {
    asio::io_context io;
    const poem_file ode;
    small_host host(io, poetry::plugin);
    host.set("poem", ode.path);
    host.set("bytes", "1");
    CHECK(refusal(host, poetry::plugin) == "--bytes needs --delay");
}

TEST_CASE("the proxy plugin with its own poems can be started again, with an empty cache") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        small_host host(io, proxy::plugin);
        host.set("embedded-poetry", "true");
        host.set("cache", "poetry.get_poem=1h");
        const auto made = proxy::plugin.make(host);
        CHECK(host.one_thread);
        CHECK(host.hints.starts_with("try:\n"));
        for (int times = 1; times <= 2; ++times) {
            co_await made->start();
            const auto text = co_await first_poem(host);
            CHECK(co_await first_poem(host) == text);
            client c(host.executor(), host.server->addresses().front().to_string());
            const auto stats = co_await c.call(proxy::stats_method);
            CHECK(stats.hits == times);
            CHECK(stats.misses == times);
            c.close();
            co_await settle();
            co_await made->stop();
        }
    });
}

TEST_CASE("a proxy without an upstream is refused") {
    asio::io_context io;
    small_host host(io, proxy::plugin);
    CHECK(refusal(host, proxy::plugin) == "--upstream is required");
}

TEST_CASE("the demo plugin logs its calls where it is asked to") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        small_host host(io, demo::plugin);
        host.set("log-calls", "true");
        const auto made = demo::plugin.make(host);
        co_await made->start();
        client c(host.executor(), host.server->addresses().front().to_string());
        const json two = json::array({2, 3});
        const json sum = co_await c.call("demo.add", two);
        CHECK(sum == 5);
        CHECK(host.logged == "call");
        c.close();
        co_await settle();
        co_await made->stop();
    });
}

} // TEST_SUITE("plugins")
