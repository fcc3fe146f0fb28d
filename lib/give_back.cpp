#include "give_back.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "turns.hpp"

namespace oocrpc::detail {
namespace {

// A tenth of a millisecond of the system's time.
constexpr std::size_t at_once = 256 << 10;
// What an allocator may keep of a buffer for the next ones.
constexpr std::size_t most_kept = 64 << 10;

/// Its pages go from its end on, whatever the allocator will do with the memory: where it keeps
/// that, it is not resident. It is freed as a whole, since an allocator that gets parts of buffers
/// back puts small things into the gaps, and keeps them.
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

    bool there() const noexcept { return left_ > 0; }
    void drop_some() noexcept {
        static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
        const auto size = std::min(left_, at_once);
        const auto end = reinterpret_cast<std::uintptr_t>(buffer_.data()) + left_;
        const auto first_page = (end - size + page - 1) / page * page;
        const auto last_page = end / page * page;
        if (first_page < last_page)
            ::madvise(reinterpret_cast<void*>(first_page), last_page - first_page, MADV_DONTNEED);
        left_ -= size;
        count_out(size);
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
    if (!buffer.there()) return;
    turns::take_at_door(executor, [executor, buffer = std::move(buffer)](turns::now) mutable {
        buffer.drop_some();
        drop_in_turns(executor, std::move(buffer));
    });
} catch (const std::bad_alloc&) {
}

} // namespace

void give_back(const any_io_executor& executor, byte_buffer buffer,
               const std::shared_ptr<memory_budget>& memory) {
    if (buffer.capacity() > most_kept) drop_in_turns(executor, {std::move(buffer), memory});
}

} // namespace oocrpc::detail
