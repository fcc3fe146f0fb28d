#pragma once

#include <optional>
#include <utility>

#include <oocrpc/asio.hpp>
#include <oocrpc/detail/unique_function.hpp>

namespace oocrpc {

/// A `T` that a callback will bring: how a call stays open without a coroutine of its own.
///
/// `completion()` is handed to the operation that brings it, as its completion handler; it is
/// called once, never before the function that started the operation has returned. Then it is ready
/// for another T.
///
/// Used on one executor. A completion that is destroyed without having been called takes along who
/// waits. Stays where it is while a T is under way.
template <class T> class pending {
  public:
    class completion;

    /// Refers to `executor`.
    explicit pending(const any_io_executor& executor) noexcept : executor_(&executor) {}
    explicit pending(any_io_executor&&) = delete;
    pending(const pending&) = delete;
    pending& operator=(const pending&) = delete;

    /// Goes over to another executor, while nothing is under way.
    void use(const any_io_executor& executor) noexcept { executor_ = &executor; }
    /// Has the executor, and a cancellation slot by which the operation is cancelled.
    completion complete() noexcept { return completion(*this); }
    /// True from when a completion is made until the T is there, or given up.
    bool under_way() const noexcept { return under_way_; }
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
    /// Forgets a T that nobody has received.
    void reset() noexcept { early_.reset(); }
    /// Cancels the operation when it is emitted.
    asio::cancellation_signal& signal() noexcept { return signal_; }

  private:
    void bring(T&& value) {
        ended();
        if (receiver_) return receiver_(std::move(value));
        early_.emplace(std::move(value));
        if constexpr (requires { early_->own(); }) early_->own();
    }
    void ended() noexcept {
        under_way_ = false;
        signal_.slot().clear();
    }
    void drop() noexcept {
        ended();
        const auto gone = std::move(receiver_); // may hold this
    }

    const any_io_executor* executor_;
    asio::cancellation_signal signal_;
    detail::unique_function<T> receiver_;
    std::optional<T> early_; // nobody receives yet
    bool under_way_ = false;
};

/// The completion handler of an operation that brings a T.
template <class T> class pending<T>::completion {
  public:
    using executor_type = any_io_executor;
    using cancellation_slot_type = asio::cancellation_slot;

    /// As pending::complete(), for handlers that derive from this.
    explicit completion(pending& to) noexcept : to_(&to) { to.under_way_ = true; }
    completion(completion&& other) noexcept : to_(std::exchange(other.to_, nullptr)) {}
    ~completion() {
        if (to_) to_->drop();
    }

    executor_type get_executor() const noexcept { return *to_->executor_; }
    cancellation_slot_type get_cancellation_slot() const noexcept { return to_->signal_.slot(); }
    void operator()(T&& value) { std::exchange(to_, nullptr)->bring(std::move(value)); }

  private:
    pending* to_;
};

} // namespace oocrpc
