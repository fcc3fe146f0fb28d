#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_set>

#include <oocrpc/connection.hpp>

namespace oocrpc::detail {

/// The connections of one execution context, so that it can end them when it is destroyed.
///
/// A coroutine that waits for an answer holds its connection, which holds the waiter, which holds
/// the coroutine. While the loop lives the circle opens with the answer or the connection's end;
/// when the loop is destroyed neither comes any more, and this opens it.
class connection_list : public asio::execution_context::service {
  public:
    using key_type = connection_list;
    inline static asio::execution_context::id id;

    explicit connection_list(asio::execution_context& context)
        : asio::execution_context::service(context) {}
    static connection_list& of(const any_io_executor& executor) {
        auto& context = asio::query(executor, asio::execution::context);
        return asio::use_service<connection_list>(context);
    }

    void add(connection& c) {
        std::lock_guard lock(mutex_);
        all_.insert(&c);
    }
    void remove(connection& c) noexcept {
        std::lock_guard lock(mutex_);
        all_.erase(&c);
    }
    std::vector<suspended_call> suspended();

    /// How many have more to do than they get done in a turn of the loop.
    std::size_t behind() const noexcept { return behind_.load(std::memory_order_relaxed); }
    void count_behind(bool one_more) noexcept {
        behind_.fetch_add(one_more ? 1 : std::size_t(-1), std::memory_order_relaxed);
    }

  private:
    void shutdown() override;

    std::mutex mutex_;
    std::unordered_set<connection*> all_;
    std::atomic<std::size_t> behind_{0};
};

} // namespace oocrpc::detail
