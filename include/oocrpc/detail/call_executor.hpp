#pragma once

#include <atomic>
#include <memory>
#include <typeinfo>
#include <utility>

#include <asio/execution/blocking.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/io_context.hpp>
#include <asio/prefer.hpp>
#include <asio/query.hpp>
#include <asio/require.hpp>

#include <oocrpc/asio.hpp>
#include <oocrpc/call_deadline.hpp>

namespace oocrpc::detail {

/// What a running call hands on to the calls that its handler makes.
struct call_scope {
    explicit call_scope(any_io_executor executor)
        : inner(std::move(executor)),
          inner_never(asio::require(inner, asio::execution::blocking.never)),
          work(asio::prefer(inner, asio::execution::outstanding_work.tracked)) {}

    std::atomic<long> references{0};
    call_deadline deadline;
    any_io_executor inner;
    any_io_executor inner_never;
    any_io_executor work; // keeps the loop running while a handler waits for another one's
};

/// The executor that a handler's coroutine runs on: the connection's own, plus the call's scope.
///
/// Whatever a handler awaits or spawns on `this_coro::executor` carries it, so that a call made
/// there finds the deadline to inherit without being told.
class call_executor {
  public:
    explicit call_executor(call_scope* scope) noexcept : scope_(scope) { retain(); }
    call_executor(const call_executor& other) noexcept
        : scope_(other.scope_),
          never_(other.never_) {
        retain();
    }
    call_executor& operator=(const call_executor& other) noexcept {
        call_executor copy(other);
        std::swap(scope_, copy.scope_);
        std::swap(never_, copy.never_);
        return *this;
    }
    ~call_executor() {
        if (scope_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete scope_;
    }

    call_scope& scope() const noexcept { return *scope_; }
    const any_io_executor& inner() const noexcept { return scope_->inner; }

    asio::execution_context& query(asio::execution::context_t) const noexcept {
        return asio::query(scope_->inner, asio::execution::context);
    }
    call_executor require(asio::execution::blocking_t::never_t) const noexcept {
        call_executor copy(*this);
        copy.never_ = true;
        return copy;
    }
    template <class F> void execute(F f) const {
        (never_ ? scope_->inner_never : scope_->inner).execute(std::move(f));
    }
    friend bool operator==(const call_executor& a, const call_executor& b) noexcept {
        return a.scope_ == b.scope_ && a.never_ == b.never_;
    }
    friend bool operator!=(const call_executor& a, const call_executor& b) noexcept {
        return !(a == b);
    }

  private:
    void retain() noexcept { scope_->references.fetch_add(1, std::memory_order_relaxed); }

    call_scope* scope_;
    bool never_ = false;
};

/// The executor that `any` holds where it is an `Executor`, else null. Asio 1.22's own target<>
/// does not look at the type.
template <class Executor> const Executor* held_as(const any_io_executor& any) noexcept {
    return any && any.target_type() == typeid(Executor) ? any.target<Executor>() : nullptr;
}
inline bool is_context(const any_io_executor& any) noexcept {
    return held_as<asio::io_context::executor_type>(any) != nullptr;
}

/// The scope of the call that `executor` belongs to, or null outside of a handler.
inline call_scope* scope_of(const any_io_executor& executor) noexcept {
    if (is_context(executor)) return nullptr; // the usual one; comparing unequal types costs more
    const auto* e = held_as<call_executor>(executor);
    return e ? &e->scope() : nullptr;
}
template <class Executor> call_scope* scope_of(const Executor&) noexcept {
    return nullptr;
}

/// Whether `a` is what `any` holds.
inline bool is_same(const any_io_executor& a, const any_io_executor& any) noexcept {
    return a == any;
}
template <class Executor> bool is_same(const Executor& a, const any_io_executor& any) noexcept {
    const auto* held = held_as<Executor>(any);
    return held && *held == a;
}

/// True where the calling thread is the one that runs `executor`'s handlers right now; false also
/// for kinds of executors that cannot tell.
bool running_here(const any_io_executor& executor) noexcept;

} // namespace oocrpc::detail
