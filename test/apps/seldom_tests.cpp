#include "support/run.hpp"

#include <host/seldom.hpp>

#include <thread>

using namespace oocrpc;
using namespace std::chrono_literals;

namespace {

/// The level of one more warning, and the fields that it got.
std::pair<log_level, log_fields> one_more(host::seldom& kind, oocrpc::clock& time) {
    log_fields fields{{"peer", "127.0.0.1:4711"}};
    const auto level = kind.level(fields, time.now());
    return {level, fields};
}

const log_fields alone{{"peer", "127.0.0.1:4711"}};
log_fields with_untold(const std::string& n) {
    return {{"peer", "127.0.0.1:4711"}, {"untold", n}};
}

} // namespace

TEST_SUITE("seldom") {

TEST_CASE("of a burst the first warning is told at once, the next a second later, with the rest") {
    test::run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        host::seldom kind;
        CHECK(one_more(kind, time) == std::pair{log_level::warn, alone});
        for (int i = 0; i < 9; ++i)
            CHECK(one_more(kind, time) == std::pair{log_level::debug, alone});
        time.advance(999ms);
        CHECK(one_more(kind, time) == std::pair{log_level::debug, alone});
        time.advance(1ms);
        CHECK(one_more(kind, time) == std::pair{log_level::warn, with_untold("10")});
        CHECK(one_more(kind, time) == std::pair{log_level::debug, alone});
        time.advance(1min);
        CHECK(one_more(kind, time) == std::pair{log_level::warn, with_untold("1")});
        co_return;
    });
}

TEST_CASE("warnings that are seldom are all told as they are") {
    test::run([](asio::io_context&, oocrpc::clock& time) -> awaitable<void> {
        host::seldom kind;
        for (int i = 0; i < 3; ++i) {
            CHECK(one_more(kind, time) == std::pair{log_level::warn, alone});
            time.advance(1s);
        }
        co_return;
    });
}

TEST_CASE("threads share one warning a second, and none of theirs is lost") {
    host::seldom kind;
    std::atomic<int> told = 0;
    const time_point now{};
    {
        std::vector<std::jthread> all;
        for (int t = 0; t < 4; ++t)
            all.emplace_back([&] {
                for (int i = 0; i < 1000; ++i) told += kind.tell(now).has_value();
            });
    }
    CHECK(told == 1);
    CHECK(kind.tell(now + 1s) == 3999u);
}

} // TEST_SUITE("seldom")
