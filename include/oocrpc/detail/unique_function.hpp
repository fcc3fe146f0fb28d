#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace oocrpc::detail {

/// A move-only function object that keeps a callable of up to 64 bytes in place, so that waiting
/// for a reply allocates nothing. Calling it consumes the callable: once.
template <class Arg> class unique_function {
  public:
    unique_function() = default;
    template <class F>
        requires(!std::is_same_v<std::decay_t<F>, unique_function>)
    unique_function(F f) {
        if constexpr (fits<F>)
            new (space_) F(std::move(f));
        else
            *reinterpret_cast<F**>(space_) = new F(std::move(f));
        table_ = &table_for<F>;
    }
    unique_function(unique_function&& other) noexcept { take(other); }
    unique_function& operator=(unique_function&& other) noexcept {
        if (this != &other) {
            reset();
            take(other);
        }
        return *this;
    }
    ~unique_function() { reset(); }

    explicit operator bool() const noexcept { return table_ != nullptr; }

    /// Takes the callable out, so that it may replace or destroy this object, and calls it.
    void operator()(Arg&& argument) {
        auto* table = std::exchange(table_, nullptr);
        table->call(space_, std::move(argument));
    }

    void reset() noexcept {
        if (auto* table = std::exchange(table_, nullptr)) table->destroy(space_);
    }

  private:
    struct table {
        void (*call)(void*, Arg&&);
        void (*move)(void* from, void* to) noexcept;
        void (*destroy)(void*) noexcept;
    };
    template <class F>
    static constexpr bool fits = sizeof(F) <= 64 && alignof(F) <= alignof(std::max_align_t) &&
                                 std::is_nothrow_move_constructible_v<F>;
    template <class F> static F* held(void* space) noexcept {
        if constexpr (fits<F>)
            return std::launder(reinterpret_cast<F*>(space));
        else
            return *reinterpret_cast<F**>(space);
    }
    template <class F> static void destroy(void* space) noexcept {
        if constexpr (fits<F>)
            held<F>(space)->~F();
        else
            delete held<F>(space);
    }
    template <class F>
    static constexpr table table_for{[](void* space, Arg&& argument) {
                                         F f(std::move(*held<F>(space)));
                                         destroy<F>(space);
                                         f(std::move(argument));
                                     },
                                     [](void* from, void* to) noexcept {
                                         if constexpr (fits<F>) {
                                             new (to) F(std::move(*held<F>(from)));
                                             destroy<F>(from);
                                         } else {
                                             *reinterpret_cast<F**>(to) = held<F>(from);
                                         }
                                     },
                                     [](void* space) noexcept { destroy<F>(space); }};

    void take(unique_function& other) noexcept {
        table_ = std::exchange(other.table_, nullptr);
        if (table_) table_->move(other.space_, space_);
    }

    const table* table_ = nullptr;
    alignas(std::max_align_t) unsigned char space_[64];
};

} // namespace oocrpc::detail
