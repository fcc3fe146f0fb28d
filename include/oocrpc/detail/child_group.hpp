#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <oocrpc/asio.hpp>
#include <oocrpc/detail/suspension.hpp>
#include <oocrpc/result.hpp>
#include <optional>
#include <utility>
#include <vector>

namespace oocrpc {

/// What happens to the children that still run when the outcome of a group is decided.
enum class rest {
    cancel, ///< they are cancelled and awaited
    detach, ///< they run on, and their errors go to on_unhandled()
};

namespace detail {

/// Which child decides the outcome of a group, by how it ends.
enum class decided_by { none, failure, success, any };

/// Children that run beside each other on the executor of one awaiting coroutine: the layer below
/// when_all(), gather() and the others. It waits and never throws what a child threw.
///
/// Shared by the awaiting coroutine and its children, since a detached child outlives the former.
/// Each child has its own cancellation signal, emitted on the executor only, in here.
class child_group : public std::enable_shared_from_this<child_group> {
  public:
    child_group(std::size_t size, decided_by which, rest others);
    virtual ~child_group() = default;

    /// Starts all children, each up to where it first suspends, and waits until they have ended or
    /// the outcome is decided and the others are detached. Throws only where the awaiting coroutine
    /// had been cancelled before; being cancelled while it waits cancels the children.
    awaitable<void> run();

    std::size_t size() const noexcept { return children_.size(); }
    /// The child that decided the outcome, if one did.
    std::optional<std::size_t> decider() const noexcept { return decider_; }
    bool cancelled() const noexcept { return cancelled_; }
    /// Throws `cancelled` where the awaiting coroutine was cancelled during run().
    void throw_if_cancelled() const;
    /// Asks all children that still run to stop.
    void stop();

    /// The error that child `i` ended with; null where it ended with a value.
    virtual std::exception_ptr error(std::size_t i) const = 0;

  protected:
    /// Runs child `i` and keeps its outcome.
    virtual awaitable<void> child(std::size_t i) = 0;
    virtual void set_error(std::size_t i, std::exception_ptr e) = 0;

  private:
    struct child_end;
    struct state {
        asio::cancellation_signal signal;
        bool ended = false;
    };

    void start(const any_io_executor& ex);
    void ended(std::size_t i, std::exception_ptr e);
    bool decides(std::size_t i) const;

    std::vector<state> children_;
    decided_by which_;
    rest rest_;
    suspension* parent_ = nullptr;
    std::size_t running_ = 0;
    std::optional<std::size_t> decider_;
    bool starting_ = false;
    bool stop_ = false;
    bool cancelled_ = false;
    bool detached_ = false;
};

/// Where the outcome of one child is kept; `to` belongs to the group, which outlives its children.
template <class T> awaitable<void> keep_outcome(awaitable<T> child, std::optional<result<T>>* to) {
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(child);
            to->emplace();
        } else {
            T value = co_await std::move(child);
            to->emplace(std::move(value));
        }
    } catch (...) {
        *to = result<T>::failed(std::current_exception());
    }
}

/// A group of children of one type.
template <class T> class vector_group final : public child_group {
  public:
    vector_group(std::vector<awaitable<T>> children, decided_by which, rest others)
        : child_group(children.size(), which, others),
          children_(std::move(children)),
          outcomes_(children_.size()) {}

    result<T> take(std::size_t i) { return std::move(*outcomes_[i]); }
    std::exception_ptr error(std::size_t i) const override { return outcomes_[i]->error(); }

  private:
    awaitable<void> child(std::size_t i) override {
        return keep_outcome(std::move(children_[i]), &outcomes_[i]);
    }
    void set_error(std::size_t i, std::exception_ptr e) override {
        outcomes_[i] = result<T>::failed(std::move(e));
    }

    std::vector<awaitable<T>> children_;
    std::vector<std::optional<result<T>>> outcomes_;
};

} // namespace detail
} // namespace oocrpc
