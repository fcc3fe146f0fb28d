#pragma once

#include <asio/execution_context.hpp>
#include <mutex>
#include <oocrpc/asio.hpp>
#include <optional>
#include <utility>

namespace oocrpc::detail {

class suspension_list;

/// One coroutine that waits for something in memory: a promise, a child, a timer.
///
/// It lives in the frame of that coroutine, so waiting allocates nothing. The handler that owns
/// the frame is kept inside of the frame, a circle that resume() opens; for a coroutine that
/// nobody resumes any more, the execution context opens it when it shuts down. So a coroutine may
/// wait for an object that only itself holds and is still not leaked.
///
/// Used on the executor of its coroutine only, which runs one thing at a time: a loop with one
/// thread, or a strand.
class suspension {
  public:
    suspension() = default;
    suspension(const suspension&) = delete;
    suspension& operator=(const suspension&) = delete;
    ~suspension();

    bool waiting() const noexcept { return handler_.has_value(); }

    /// Suspends until resume(). `started` runs once the coroutine is suspended; `on_cancel` each
    /// time that cancellation is asked for while it waits, and has to resume() if it wants to.
    ///
    /// The caller looks first whether it has been cancelled before: Asio would throw its own error.
    template <class Started, class OnCancel>
    awaitable<void> wait(Started started, OnCancel on_cancel);
    template <class OnCancel> awaitable<void> wait(OnCancel on_cancel) {
        return wait([] {}, std::move(on_cancel));
    }

    /// Posts the coroutine to its executor; nothing if it is not waiting.
    ///
    /// Never runs it inside of the call: that would make the stack as deep as a chain of events is
    /// long, and would destroy cancellation handlers that are being called.
    void resume();

  private:
    friend suspension_list;
    using handler = asio::async_result<asio::use_awaitable_t<>, void()>::handler_type;

    void hold(handler h);
    std::optional<handler> release();

    std::optional<handler> handler_;
    suspension_list* list_ = nullptr;
    suspension* previous_ = nullptr;
    suspension* next_ = nullptr;
};

/// All suspended coroutines of one execution context, so that it can destroy them.
class suspension_list : public asio::execution_context::service {
  public:
    using key_type = suspension_list;
    inline static asio::execution_context::id id;

    explicit suspension_list(asio::execution_context& context)
        : asio::execution_context::service(context) {}

    void add(suspension& s) noexcept;
    void remove(suspension& s) noexcept;
    /// True once the context is being destroyed, and with it all coroutines in an order of its own.
    bool is_shut_down() const noexcept { return shut_down_; }

  private:
    void shutdown() override;

    std::mutex mutex_;
    suspension* first_ = nullptr;
    bool shut_down_ = false;
};

template <class Started, class OnCancel>
awaitable<void> suspension::wait(Started started, OnCancel on_cancel) {
    return asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
        [this, started = std::move(started), on_cancel = std::move(on_cancel)](auto&& h) mutable {
            auto slot = asio::get_associated_cancellation_slot(h);
            if (slot.is_connected())
                slot.assign([this, on_cancel = std::move(on_cancel)](auto) mutable {
                    if (waiting()) on_cancel();
                });
            hold(std::forward<decltype(h)>(h));
            started();
        },
        asio::use_awaitable);
}

/// True where somebody has asked the coroutine with this state to stop.
inline bool is_requested(const asio::cancellation_state& state) noexcept {
    return state.cancelled() != asio::cancellation_type::none;
}

} // namespace oocrpc::detail
