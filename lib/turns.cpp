#include "turns.hpp"

#include <array>
#include <typeinfo>

#include <asio/io_context.hpp>
#include <asio/post.hpp>

namespace oocrpc::detail {

bool turns::taken_on(const any_io_executor& executor) noexcept {
    // Not by target(), which in Asio does not look at the type.
    return executor.target_type() == typeid(asio::io_context::executor_type);
}

void turns::add(const any_io_executor& executor, line turns::* where, work what) {
    if (!taken_on(executor))
        return asio::post(executor, [what = std::move(what)]() mutable { what({}); });
    auto& all = asio::use_service<turns>(asio::query(executor, asio::execution::context));
    auto& l = all.*where;
    {
        std::lock_guard lock(all.mutex_);
        l.waiting.push_back(std::move(what));
        if (l.posted) return;
    }
    all.post_next(l);
}

void turns::post_next(line& l) {
    {
        std::lock_guard lock(mutex_);
        if (l.posted || l.waiting.empty()) return;
        l.posted = true;
    }
    post(l, true);
}

void turns::post(line& l, bool first_the_others) {
    try {
        asio::post(static_cast<asio::io_context&>(context()), [this, &l, first_the_others] {
            // What the loop has found ready just now comes behind this, but before what is posted.
            first_the_others ? post(l, false) : have_turn(l);
        });
    } catch (const std::bad_alloc&) { // whoever comes next tries again
        std::lock_guard lock(mutex_);
        l.posted = false;
    }
}

void turns::have_turn(line& l) {
    work next;
    {
        std::lock_guard lock(mutex_);
        l.posted = false;
        if (l.waiting.empty()) return;
        next = std::move(l.waiting.front());
        l.waiting.pop_front();
    }
    post_next(l); // first: what is done may throw
    next({});
}

void turns::shutdown() {
    // Destroyed without the mutex, as what is in them may come back here.
    std::array<line_of_work, 3> all;
    std::lock_guard lock(mutex_);
    all[0].swap(senders_.waiting);
    all[1].swap(door_.waiting);
    all[2].swap(logins_.waiting);
}

} // namespace oocrpc::detail
