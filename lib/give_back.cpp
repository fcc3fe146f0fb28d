#include "give_back.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#include "turns.hpp"

namespace oocrpc::detail {
namespace {

// A tenth of a millisecond of the system's time.
constexpr std::size_t at_once = 256 << 10;

/// Its pages go from its end on. It is freed as a whole, since an allocator that gets parts of
/// buffers back puts small things into the gaps, and keeps them.
class leaving_buffer {
  public:
    leaving_buffer(byte_buffer buffer, std::shared_ptr<memory_budget> memory)
        : buffer_(std::move(buffer)),
          left_(buffer_.capacity()),
          memory_(std::move(memory)) {
        if (memory_) memory_->take(left_);
    }
    leaving_buffer(leaving_buffer&&) noexcept = default;
    ~leaving_buffer() { count_out(left_); }

    bool large() const noexcept { return left_ > at_once; }
    void drop_some() noexcept {
        static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
        const auto end = reinterpret_cast<std::uintptr_t>(buffer_.data()) + left_;
        const auto first_page = (end - at_once + page - 1) / page * page;
        ::madvise(reinterpret_cast<void*>(first_page), end / page * page - first_page,
                  MADV_DONTNEED);
        left_ -= at_once;
        count_out(at_once);
    }

  private:
    void count_out(std::size_t n) const noexcept {
        if (memory_) memory_->give_back(n);
    }

    byte_buffer buffer_;
    std::size_t left_;
    std::shared_ptr<memory_budget> memory_; // null after a move
};

/// What finds no memory for its turn goes at once.
void drop_in_turns(const any_io_executor& executor, leaving_buffer buffer) noexcept try {
    if (!buffer.large()) return;
    turns::take_at_door(executor, [executor, buffer = std::move(buffer)](turns::now) mutable {
        buffer.drop_some();
        drop_in_turns(executor, std::move(buffer));
    });
} catch (const std::bad_alloc&) {
}

} // namespace

void give_back(const any_io_executor& executor, byte_buffer buffer,
               const std::shared_ptr<memory_budget>& memory) {
    if (buffer.capacity() > at_once) drop_in_turns(executor, {std::move(buffer), memory});
}

} // namespace oocrpc::detail
