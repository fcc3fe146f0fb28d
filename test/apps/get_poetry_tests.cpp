#include "support/run.hpp"
#include "support/site.hpp"
#include "support/spawned.hpp"

#include <get_poetry/get_poems.hpp>
#include <host/exit.hpp>
#include <poetry/poems.hpp>
#include <transform/transform.hpp>

#include <sstream>

#include <oocrpc/service.hpp>

using namespace oocrpc;
using namespace std::chrono_literals;
using get_poetry::display;
using get_poetry::order;
using poetry::pace;
using poetry::poems;
using test::site;
using test::spawned;

namespace {

poems shelf(std::string text, pace how = {}) {
    return poems({{"first", std::move(text)}, {"second", "SECOND\n"}}, how);
}

constexpr pace slowly{1, 100ms}; ///< a byte at a time

/// A poetry server that has run out of poems.
handler failing() {
    service s("poetry");
    s.on(poetry::get_poem, [](const std::optional<std::string>&) -> std::string {
        throw rpc_error("out_of_poems", "come back\ntomorrow");
    });
    return s;
}

/// What get_poems() does, on streams in memory.
struct screen {
    explicit screen(std::size_t columns = 0)
        : shown(out, err, columns ? [columns] { return columns; } : display::width()) {}

    awaitable<void> get(order how) { failed = co_await get_poetry::get_poems(how, shown); }

    std::ostringstream out, err;
    display shown;
    std::size_t failed = 99;
};

template <class... Sites> awaitable<void> stop(Sites&... all) {
    (co_await all.stop(), ...);
    co_await test::settle();
}

order from(std::vector<std::string> urls) {
    order how;
    how.urls = std::move(urls);
    return how;
}

} // namespace

TEST_SUITE("get_poetry") {

TEST_CASE("poems are printed as they come, failures with their reason, and the rest goes on") {
    test::run([](asio::io_context& io, oocrpc::clock& time) -> awaitable<void> {
        site slow(io, shelf("SLOW\n", slowly).handler());
        site bad(io, failing());
        site quick(io, shelf("QUICK\n").handler());
        const std::string absent = test::temporary_path().url();
        screen s;
        const auto begun = time.now();
        const auto how = from({slow.url, bad.url, absent, quick.url});
        co_await s.get(how);
        CHECK(time.now() - begun == 500ms); // at once, not one after the other
        CHECK(s.failed == 2);
        CHECK(s.out.str() == "QUICK\n\nSLOW\n");
        const auto err = s.err.str();
        CHECK(err.find("get-poetry: " + bad.url + ": out_of_poems: come back\\ntomorrow\n") !=
              err.npos);
        CHECK(err.find("get-poetry: " + absent + ": unavailable: ") != err.npos);
        CHECK(std::count(err.begin(), err.end(), '\n') == 2);
        co_await stop(slow, bad, quick);
    });
}

TEST_CASE("each poem is there before the next one is waited for") {
    test::run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        site slow(io, shelf("SLOW\n", slowly).handler());
        site quick(io, shelf("QUICK\n").handler());
        screen s;
        spawned getting(io.get_executor(), s.get(from({slow.url, quick.url})));
        co_await sleep_for(250ms);
        CHECK(s.out.str() == "QUICK\n");
        CHECK_FALSE(getting.done);
        co_await sleep_for(250ms);
        co_await test::settle();
        CHECK(getting.done);
        CHECK(s.failed == 0);
        co_await stop(slow, quick);
    });
}

TEST_CASE("each poem is transformed when it comes") {
    test::run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        site one(io, shelf("ONE").handler());
        site two(io, shelf("TWO\nLINES\n", slowly).handler());
        site change(io, transform::make_transform());
        screen s;
        auto how = from({two.url, one.url});
        how.transform = change.url;
        co_await s.get(how);
        CHECK(s.failed == 0);
        CHECK(s.out.str() == "one\n\ntwo\nlines\n");
        CHECK(s.err.str().empty());

        screen other;
        how.method = transform::reverse_lines.name();
        co_await other.get(how);
        CHECK(other.out.str() == "ONE\n\nLINES\nTWO\n");
        co_await stop(one, two, change);
    });
}

TEST_CASE("a poem that cannot be transformed is printed as it is, and is no failed download") {
    test::run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        site one(io, shelf("ONE\n").handler());
        site change(io, transform::make_transform());
        auto how = from({one.url});
        SUBCASE("since the method fails") {
            how.transform = change.url;
            how.method = transform::translate.name();
            screen s;
            co_await s.get(how);
            CHECK(s.failed == 0);
            CHECK(s.out.str() == "ONE\n");
            CHECK(s.err.str() == "get-poetry: " + one.url +
                                     ": not transformed: lost_in_translation: nobody has "
                                     "translated a poem yet\n");
        }
        SUBCASE("since the service is not there") {
            how.transform = test::temporary_path().url();
            screen s;
            co_await s.get(how);
            CHECK(s.failed == 0);
            CHECK(s.out.str() == "ONE\n");
            CHECK(s.err.str().find(": not transformed: unavailable: ") != std::string::npos);
        }
        co_await stop(one, change);
    });
}

TEST_CASE("a download that takes too long fails, and only that one") {
    test::run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        const auto late = shelf("LATE\n", pace{1, 10s});
        site slow(io, late.handler());
        site quick(io, shelf("QUICK\n").handler());
        screen s;
        auto how = from({slow.url, quick.url});
        how.timeout = 300ms;
        co_await s.get(how);
        CHECK(s.failed == 1);
        CHECK(s.out.str() == "QUICK\n");
        CHECK(s.err.str() ==
              "get-poetry: " + slow.url + ": deadline_exceeded: call deadline of 300 ms passed\n");
        co_await test::settle();
        CHECK(late.now().cancelled == 1);
        co_await stop(slow, quick);
    });
}

TEST_CASE("a poem is asked for by its name") {
    test::run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        site one(io, shelf("ONE\n").handler());
        auto how = from({one.url});
        how.poem = "second";
        screen s;
        co_await s.get(how);
        CHECK(s.out.str() == "SECOND\n");
        how.poem = "third";
        screen other;
        co_await other.get(how);
        CHECK(other.failed == 1);
        CHECK(other.err.str() ==
              "get-poetry: " + one.url + ": no_such_poem: 'third': no such poem\n");
        co_await stop(one);
    });
}

TEST_CASE("cancelling cancels every call at its server and reports none of them") {
    test::run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        const std::vector<poems> all{shelf("A", slowly), shelf("B", pace{1, 10s}),
                                     shelf("C", pace{1, 10s})};
        site a(io, all[0].handler()), b(io, all[1].handler()), c(io, all[2].handler());
        screen s;
        spawned getting(io.get_executor(), s.get(from({a.url, b.url, c.url})));
        co_await sleep_for(1s);
        CHECK(all[1].now().in_flight == 1);
        CHECK(all[2].now().in_flight == 1);
        getting.cancel();
        co_await test::settle();
        CHECK(is_cancelled(getting.error));
        CHECK(all[0].now().finished == 1);
        CHECK(all[1].now().cancelled == 1);
        CHECK(all[2].now().cancelled == 1);
        CHECK(s.out.str() == "A\n");
        CHECK(s.err.str().empty());
        co_await stop(a, b, c);
    });
}

TEST_CASE("a call that the server cancels is a failure like any other") {
    test::run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        service strict("poetry");
        strict.on(poetry::get_poem, [](const std::optional<std::string>&) -> std::string {
            throw rpc_error(errc::cancelled, "by the operator");
        });
        site up(io, strict);
        screen s;
        const auto how = from({up.url});
        co_await s.get(how);
        CHECK(s.failed == 1);
        CHECK(s.err.str() == "get-poetry: " + up.url + ": cancelled: by the operator\n");
        co_await stop(up);
    });
}

TEST_CASE("cancelling while a poem is transformed prints nothing more") {
    test::run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        site one(io, shelf("ONE\n").handler());
        bool cancelled = false;
        service never("transform");
        never.on(transform::cummingsify, [&](std::string) -> awaitable<std::string> {
            try {
                co_await sleep_for(1h);
            } catch (const rpc_error&) {
                cancelled = true;
                throw;
            }
            co_return "";
        });
        site change(io, never);
        screen s;
        auto how = from({one.url});
        how.transform = change.url;
        how.timeout = deadline::none();
        spawned getting(io.get_executor(), s.get(how));
        co_await sleep_for(1s);
        getting.cancel();
        co_await test::settle();
        CHECK(is_cancelled(getting.error));
        CHECK(cancelled);
        CHECK(s.out.str().empty());
        CHECK(s.err.str().empty());
        co_await stop(one, change);
    });
}

TEST_CASE("a terminal is told how many are done and who is waited for, on one line") {
    test::run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        site slow(io, shelf("SLOW\n", slowly).handler());
        site bad(io, failing());
        site quick(io, shelf("QUICK\n").handler());
        screen s(1000);
        const auto how = from({slow.url, bad.url, quick.url});
        co_await s.get(how);
        const auto err = s.err.str();
        const auto shows = [&](const std::string& line) {
            return err.find("\r" + line + "\x1b[K") != err.npos;
        };
        CHECK(shows("0 of 3 done, waiting for " + slow.url + ' ' + bad.url + ' ' + quick.url));
        CHECK(shows("2 of 3 done, 1 failed, waiting for " + slow.url));
        CHECK(err.ends_with("\r\x1b[K")); // nothing of it is left
        CHECK(std::count(err.begin(), err.end(), '\n') == 1);
        co_await stop(slow, bad, quick);
    });
}

TEST_CASE("the progress line is cut to the width of the terminal, between two characters") {
    std::ostringstream out, err;
    display shown(out, err, [] { return std::size_t{31}; });
    {
        const get_poetry::progress_line line(shown, {"oocrpc://夜航", "x"});
        CHECK(err.str() == "\r0 of 2 done, waiting for oocrp\x1b[K");
        err.str("");
        shown.failed(1, "gone");
        CHECK(err.str() == "\r\x1b[Kget-poetry: x: gone\n"
                           "\r1 of 2 done, 1 failed, waiting\x1b[K");
    }
    std::ostringstream wide;
    display other(out, wide, [] { return std::size_t{36}; });
    const get_poetry::progress_line line(other, {"oocrpc://夜航"});
    CHECK(wide.str() == "\r0 of 1 done, waiting for oocrpc://夜\x1b[K");
}

} // TEST_SUITE("get_poetry")
