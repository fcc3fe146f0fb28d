#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace oocrpc::detail {

/// First in, first out. Takes no memory before the first push, where std::deque takes half a
/// kilobyte: for what each connection has and few use. A push invalidates references.
template <class T> class queue {
  public:
    queue() = default;
    queue(queue&& other) noexcept
        : all_(std::move(other.all_)),
          first_(std::exchange(other.first_, 0)) {}
    queue& operator=(queue&& other) noexcept {
        all_ = std::exchange(other.all_, {});
        first_ = std::exchange(other.first_, 0);
        return *this;
    }

    bool empty() const noexcept { return first_ == all_.size(); }
    std::size_t size() const noexcept { return all_.size() - first_; }
    auto begin() noexcept { return all_.begin() + static_cast<std::ptrdiff_t>(first_); }
    auto end() noexcept { return all_.end(); }
    T& front() noexcept { return all_[first_]; }
    T& operator[](std::size_t i) noexcept { return all_[first_ + i]; }

    void push_back(T value) {
        // The gap in front is closed when it is as long as what is moved over it.
        if (all_.size() == all_.capacity() && first_ >= size()) close_gap();
        all_.push_back(std::move(value));
    }
    void pop_front() {
        front() = T();
        if (++first_ == all_.size()) clear();
    }
    void clear() noexcept {
        all_.clear();
        if (all_.capacity() * sizeof(T) > kept_bytes) all_ = std::vector<T>();
        first_ = 0;
    }
    /// Takes out all that `is_one` says yes to, and returns how many there were.
    template <class F> std::size_t erase_if(F is_one) {
        close_gap();
        return std::erase_if(all_, std::move(is_one));
    }

  private:
    static constexpr std::size_t kept_bytes = 4096; // for what comes next

    void close_gap() {
        all_.erase(all_.begin(), begin());
        first_ = 0;
    }

    std::vector<T> all_;
    std::size_t first_ = 0; // those before it are gone
};

} // namespace oocrpc::detail
