#include <oocrpc/deadline.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <oocrpc/error.hpp>
#include <string>

namespace oocrpc::detail {
namespace {

std::string text_of(duration d) {
    std::array<char, 64> text;
    auto seconds = std::chrono::duration<double>(d).count();
    bool small = seconds < 1;
    std::snprintf(text.data(), text.size(), "%.6g%s", small ? seconds * 1000 : seconds,
                  small ? "ms" : "s");
    return text.data();
}

struct expiry {
    child_group& group;
    bool reached = false;

    void operator()() {
        if (group.cancelled()) return; // whoever awaits was first
        reached = true;
        group.stop();
    }
};

} // namespace

awaitable<void> run_until(time_point at, std::shared_ptr<child_group> group,
                          std::source_location made) {
    auto ex = co_await this_coro::executor;
    auto start = clock::of(ex).now();
    expiry expired{*group};
    timer deadline(ex, made);
    deadline.arm(at, [&expired] { expired(); });
    co_await group->run();
    deadline.disarm();
    auto error = group->error(0);
    if (!is_cancelled(error)) co_return;
    if (expired.reached)
        throw rpc_error(errc::deadline_exceeded,
                        "not done after " + text_of(std::max(at - start, duration::zero())));
    if (group->cancelled()) throw rpc_error(errc::cancelled);
}

} // namespace oocrpc::detail
