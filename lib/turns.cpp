#include "turns.hpp"

#include <algorithm>
#include <typeinfo>
#include <utility>

#include <asio/io_context.hpp>
#include <asio/post.hpp>

namespace oocrpc::detail {

bool turns::taken_on(const any_io_executor& executor) noexcept {
    // Not by target(), which in Asio does not look at the type.
    return executor.target_type() == typeid(asio::io_context::executor_type);
}

void turns::add(const any_io_executor& executor, line which, work what) {
    if (!taken_on(executor))
        return asio::post(executor, [what = std::move(what)]() mutable { what({}); });
    auto& all = asio::use_service<turns>(asio::query(executor, asio::execution::context));
    {
        std::lock_guard lock(all.mutex_);
        all.lines_[which].push_back(std::move(what));
        if (std::exchange(all.posted_, true)) return;
        all.last_ = which;
        all.paused_ = false;
    }
    all.post();
}

void turns::post() {
    try {
        asio::post(static_cast<asio::io_context&>(context()), [this] { go_on(); });
    } catch (const std::bad_alloc&) { // whoever comes next tries again
        std::lock_guard lock(mutex_);
        posted_ = false;
    }
}

/// Of the line after the one that had the last turn. Where only that one waits, nobody has this
/// turn: what the loop has found ready comes between two of the same line.
turns::work turns::choose() {
    const auto may = paused_ ? lines_.size() : lines_.size() - 1;
    for (std::size_t i = 1; i <= may; ++i) {
        const auto at = (last_ + i) % lines_.size();
        if (lines_[at].empty()) continue;
        auto next = std::move(lines_[at].front());
        lines_[at].pop_front();
        last_ = at;
        paused_ = false;
        return next;
    }
    paused_ = true;
    return {};
}

void turns::go_on() {
    work next;
    bool more = false;
    {
        std::lock_guard lock(mutex_);
        next = choose();
        more = posted_ = std::ranges::any_of(lines_, [](const auto& l) { return !l.empty(); });
    }
    if (more) post(); // first: what is done may throw
    if (next) next({});
}

void turns::shutdown() {
    // Destroyed without the mutex, as what is in them may come back here.
    decltype(lines_) all;
    std::lock_guard lock(mutex_);
    all.swap(lines_);
}

} // namespace oocrpc::detail
