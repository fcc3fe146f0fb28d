#include "turns.hpp"

#include <typeinfo>

#include <asio/io_context.hpp>
#include <asio/post.hpp>

namespace oocrpc::detail {

void turns::take(const any_io_executor& executor, work what) {
    // Not by target(), which in Asio does not look at the type.
    if (executor.target_type() == typeid(asio::io_context::executor_type)) {
        auto& context = asio::query(executor, asio::execution::context);
        asio::use_service<turns>(context).add(executor, std::move(what));
    } else {
        asio::post(executor, [what = std::move(what)]() mutable { what({}); });
    }
}

void turns::add(const any_io_executor& executor, work what) {
    {
        std::lock_guard lock(mutex_);
        waiting_.push_back({executor, std::move(what)});
        if (std::exchange(posted_, true)) return;
    }
    post_next();
}

void turns::post_next() {
    any_io_executor executor;
    {
        std::lock_guard lock(mutex_);
        posted_ = !waiting_.empty();
        if (!posted_) return;
        executor = waiting_.front().executor;
    }
    asio::post(executor, [this] {
        turn next;
        {
            std::lock_guard lock(mutex_);
            next = std::move(waiting_.front());
            waiting_.pop_front();
        }
        post_next(); // first: what is done may throw
        next.what({});
    });
}

void turns::shutdown() {
    std::deque<turn> never; // destroyed without the mutex, as what is in it may come back here
    std::lock_guard lock(mutex_);
    never.swap(waiting_);
}

} // namespace oocrpc::detail
