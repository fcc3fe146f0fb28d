#pragma once

#include <optional>
#include <utility>
#include <vector>

#include <oocrpc/asio.hpp>
#include <oocrpc/detail/unique_function.hpp>

namespace oocrpc {

/// A `T` that a callback will bring: how a call stays open without a coroutine of its own.
///
/// `completion()` is handed to the operation that brings it, as its completion handler; it is
/// called once, never before the function that started the operation has returned. The T goes to
/// those who watch, in their order, then to the one who receives. Then it is ready for another T.
///
/// Used on one executor. A completion that is destroyed without having been called takes along who
/// waits. Stays where it is while a T is under way.
template <class T> class pending {
  public:
    class completion;

    explicit pending(const any_io_executor& executor) noexcept : executor_(executor) {}
    pending(const pending&) = delete;
    pending& operator=(const pending&) = delete;

    /// Has the executor, and a cancellation slot by which the operation is cancelled.
    completion complete() noexcept { return completion(*this); }
    /// `f` is told the T before it is received.
    void watch(detail::unique_function<const T&> f) noexcept { watchers_.push_back(std::move(f)); }
    /// Waits for the T: there is one who does. What `f` holds may hold this.
    void receive(detail::unique_function<T> f) {
        if (!early_) return void(receiver_ = std::move(f));
        auto value = std::move(*early_);
        early_.reset();
        f(std::move(value));
    }
    /// The same as a coroutine. Cancelling it cancels the operation, whose outcome it returns.
    awaitable<T> wait() {
        return asio::async_initiate<const asio::use_awaitable_t<>, void(T)>(
            [this](auto handler) {
                auto slot = asio::get_associated_cancellation_slot(handler);
                if (slot.is_connected())
                    slot.assign([this](asio::cancellation_type type) { signal_.emit(type); });
                receive([h = std::move(handler)](T&& value) mutable { h(std::move(value)); });
            },
            use_awaitable);
    }
    /// Cancels the operation when it is emitted.
    asio::cancellation_signal& signal() noexcept { return signal_; }

  private:
    void bring(T&& value) {
        signal_.slot().clear();
        for (auto& f : watchers_) f(value);
        watchers_.clear();
        if (receiver_) return receiver_(std::move(value));
        early_.emplace(std::move(value));
        if constexpr (requires { early_->own(); }) early_->own();
    }
    void drop() noexcept {
        signal_.slot().clear();
        watchers_.clear();
        const auto gone = std::move(receiver_); // may hold this
    }

    const any_io_executor& executor_;
    asio::cancellation_signal signal_;
    std::vector<detail::unique_function<const T&>> watchers_;
    detail::unique_function<T> receiver_;
    std::optional<T> early_; // nobody receives yet
};

/// The completion handler of an operation that brings a T.
template <class T> class pending<T>::completion {
  public:
    using executor_type = any_io_executor;
    using cancellation_slot_type = asio::cancellation_slot;

    explicit completion(pending& to) noexcept : to_(&to) {}
    completion(completion&& other) noexcept : to_(std::exchange(other.to_, nullptr)) {}
    ~completion() {
        if (to_) to_->drop();
    }

    executor_type get_executor() const noexcept { return to_->executor_; }
    cancellation_slot_type get_cancellation_slot() const noexcept { return to_->signal_.slot(); }
    void operator()(T&& value) { std::exchange(to_, nullptr)->bring(std::move(value)); }

  private:
    pending* to_;
};

} // namespace oocrpc
