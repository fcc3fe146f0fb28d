#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <utility>

namespace oocrpc {

/// Bytes that somebody else owns.
using bytes = std::span<const std::uint8_t>;

/// A growing run of bytes that is never zero-filled: what frames are built in and read into.
///
/// Sizes are bytes. Growth doubles the capacity. A moved-from buffer is empty.
class byte_buffer {
  public:
    byte_buffer() = default;
    byte_buffer(byte_buffer&& other) noexcept { swap(other); }
    byte_buffer& operator=(byte_buffer&& other) noexcept {
        byte_buffer moved(std::move(other));
        swap(moved);
        return *this;
    }

    std::uint8_t* data() noexcept { return data_; }
    const std::uint8_t* data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    std::size_t capacity() const noexcept { return capacity_; }
    bool empty() const noexcept { return size_ == 0; }
    operator bytes() const noexcept { return {data_, size_}; }

    void clear() noexcept { size_ = 0; }
    /// Cuts the end off; `n` must not exceed size().
    void truncate(std::size_t n) noexcept { size_ = n; }
    /// Drops the first `n` bytes by moving the rest to the front.
    void consume(std::size_t n) noexcept {
        if (n < size_) std::memmove(data_, data_ + n, size_ - n);
        size_ -= n;
    }

    /// Makes room for `n` more bytes and returns where they go; commit() or grow() keeps them.
    std::uint8_t* prepare(std::size_t n) {
        if (capacity_ - size_ < n) reallocate(size_ + n);
        return data_ + size_;
    }
    void commit(std::size_t n) noexcept { size_ += n; }
    /// Appends `n` bytes of no particular content and returns where they are.
    std::uint8_t* grow(std::size_t n) {
        auto* at = prepare(n);
        size_ += n;
        return at;
    }

    void push_back(std::uint8_t byte) { *grow(1) = byte; }
    void append(const void* from, std::size_t n) {
        if (n) std::memcpy(grow(n), from, n);
    }
    void append(bytes from) { append(from.data(), from.size()); }
    void append(std::string_view text) { append(text.data(), text.size()); }

    void swap(byte_buffer& other) noexcept {
        std::swap(owned_, other.owned_);
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
    }
    /// Gives memory back: afterwards the capacity is `n` or the size, whichever is larger.
    void shrink(std::size_t n);

  protected:
    /// Begins in memory of the derived class's own; such a buffer must not be moved or swapped.
    byte_buffer(std::uint8_t* at, std::size_t capacity) noexcept : data_(at), capacity_(capacity) {}

  private:
    void reallocate(std::size_t wanted) {
        std::size_t next = capacity_ ? capacity_ * 2 : 64;
        if (next < wanted) next = wanted;
        replace(next);
    }
    /// By realloc, which moves the pages of a large buffer instead of its bytes.
    void replace(std::size_t capacity) {
        if (capacity == 0) {
            owned_.reset();
            data_ = nullptr;
            capacity_ = 0;
            return;
        }
        auto* const next = static_cast<std::uint8_t*>(std::realloc(owned_.get(), capacity));
        if (!next) throw std::bad_alloc();
        if (!owned_ && size_) std::memcpy(next, data_, size_);
        (void)owned_.release(); // is in next, or has been freed
        owned_.reset(next);
        data_ = next;
        capacity_ = capacity;
    }

    struct free_memory {
        void operator()(std::uint8_t* at) const noexcept { std::free(at); }
    };
    std::unique_ptr<std::uint8_t[], free_memory> owned_;
    std::uint8_t* data_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

/// A buffer whose first `N` bytes lie in itself, for what is usually that small. Does not move.
template <std::size_t N> class small_buffer : public byte_buffer {
  public:
    small_buffer() noexcept : byte_buffer(space_, N) {}
    small_buffer(small_buffer&&) = delete;

  private:
    std::uint8_t space_[N];
};

inline void byte_buffer::shrink(std::size_t n) {
    if (n < size_) n = size_;
    if (n < capacity_) replace(n);
}

} // namespace oocrpc
