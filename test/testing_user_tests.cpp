// Tests as a user of the library writes them: of a client of their own that tries again.
#include <oocrpc/oocrpc.hpp>
#include <oocrpc/testing.hpp>

using namespace std::chrono_literals;
using oocrpc::awaitable;
using oocrpc::errc;
using oocrpc::testing::memory_network;
using oocrpc::testing::run;

namespace {

inline constexpr oocrpc::method<std::string(int)> get_poem{"poetry.get_poem", {"number"}};

/// What is tested: asks up to three times where the connection is lost.
awaitable<std::string> fetch_poem(oocrpc::client& poems, int number) {
    for (int attempt = 1;; ++attempt) {
        try {
            co_return co_await poems.call(get_poem, number);
        } catch (const oocrpc::rpc_error& e) {
            if (e.code() != errc::unavailable || attempt == 3) throw;
        }
    }
}

/// A server of poems at poems:9000 that takes a second for each.
class poem_server {
  public:
    explicit poem_server(const oocrpc::any_io_executor& ex) : server_(ex), tasks_(ex) {
        server_.listen("oocrpc://poems:9000");
        oocrpc::service poetry{"poetry"};
        poetry.on(get_poem, [this](int number) -> awaitable<std::string> {
            ++asked;
            co_await oocrpc::sleep_for(1s);
            if (number != 1) throw oocrpc::rpc_error("no_such_poem", std::to_string(number));
            co_return "The Owl and the Pussy-Cat";
        });
        tasks_.spawn(server_.run(std::move(poetry)));
    }
    int asked = 0;

  private:
    oocrpc::server server_;
    oocrpc::task_group tasks_;
};

} // namespace

TEST_SUITE("testing_user") {

TEST_CASE("a poem is fetched again when the connection is lost in the middle of the call") {
    run([](memory_network& net) -> awaitable<void> {
        const auto ex = co_await oocrpc::this_coro::executor;
        poem_server server(ex);
        oocrpc::client poems(ex, "oocrpc://poems:9000");
        net.host("poems").cut_after_sent(10); // in the middle of the answer
        const auto poem = co_await fetch_poem(poems, 1);
        CHECK(poem == "The Owl and the Pussy-Cat");
        CHECK(server.asked == 2);
    });
}

TEST_CASE("a poem is not asked for again where there is none") {
    run([]() -> awaitable<void> {
        const auto ex = co_await oocrpc::this_coro::executor;
        poem_server server(ex);
        oocrpc::client poems(ex, "oocrpc://poems:9000");
        CHECK_FAILS(fetch_poem(poems, 2), "no_such_poem");
        CHECK(server.asked == 1);
    });
}

TEST_CASE("fetching gives up when the server cannot be reached, or takes too long") {
    run([](memory_network& net) -> awaitable<void> {
        const auto ex = co_await oocrpc::this_coro::executor;
        oocrpc::client poems(ex, "oocrpc://poems:9000");
        CHECK_FAILS(fetch_poem(poems, 1), errc::unavailable);
        poem_server server(ex);
        net.host("poems").delay(100ms);
        auto hasty = oocrpc::with_deadline(500ms, fetch_poem(poems, 1));
        CHECK_FAILS(std::move(hasty), errc::deadline_exceeded);
        net.host("poems").split(1);
        const auto poem = co_await fetch_poem(poems, 1);
        CHECK(poem == "The Owl and the Pussy-Cat");
    });
}

} // TEST_SUITE("testing_user")
