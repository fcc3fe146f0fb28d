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

/// The pages of a buffer go from its end on, whatever the allocator will do with the memory: where
/// it keeps that, it is not resident. It is freed as a whole, since an allocator that gets parts of
/// buffers back puts small things into the gaps, and keeps them.
class leaving_buffers {
  public:
    leaving_buffers(queue<byte_buffer> buffers, std::shared_ptr<memory_budget> memory) noexcept
        : buffers_(std::move(buffers)),
          memory_(std::move(memory)) {
        for (const auto& b : buffers_) counted_ += b.capacity();
        if (memory_) memory_->take(counted_);
        begin();
    }
    leaving_buffers(leaving_buffers&&) noexcept = default;
    ~leaving_buffers() { count_out(counted_); }

    bool empty() noexcept { return buffers_.empty(); }
    void drop_some() noexcept {
        const auto size = drop_pages();
        left_ -= size;
        if (left_ == 0) {
            buffers_.pop_front();
            begin();
        }
        count_out(size);
    }

  private:
    void begin() noexcept { left_ = empty() ? 0 : buffers_.front().capacity(); }
    /// Steps begin where a page does, so that each page goes with one of them.
    std::size_t drop_pages() noexcept {
        static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
        const auto all = reinterpret_cast<std::uintptr_t>(buffers_.front().data());
        const auto end = all + left_;
        const auto first_page = (end - std::min(left_, at_once) + page - 1) / page * page;
        const auto last_page = end / page * page;
        if (first_page < last_page)
            ::madvise(reinterpret_cast<void*>(first_page), last_page - first_page, MADV_DONTNEED);
        return left_ > at_once ? end - first_page : left_;
    }
    void count_out(std::size_t n) noexcept {
        counted_ -= n;
        if (memory_) memory_->give_back(n);
    }

    queue<byte_buffer> buffers_;
    std::size_t left_ = 0;                  // of the first
    std::size_t counted_ = 0;               // of all
    std::shared_ptr<memory_budget> memory_; // null after a move
};

/// What finds no memory for its turn goes at once.
void drop_in_turns(const any_io_executor& executor, leaving_buffers buffers) noexcept try {
    if (buffers.empty()) return;
    turns::take_at_door(executor, [executor, buffers = std::move(buffers)](turns::now) mutable {
        buffers.drop_some();
        drop_in_turns(executor, std::move(buffers));
    });
} catch (const std::bad_alloc&) {
}

} // namespace

void give_back(const any_io_executor& executor, queue<byte_buffer> buffers,
               const std::shared_ptr<memory_budget>& memory) noexcept {
    drop_in_turns(executor, {std::move(buffers), memory});
}

void give_back(const any_io_executor& executor, byte_buffer buffer,
               const std::shared_ptr<memory_budget>& memory) noexcept try {
    if (buffer.capacity() <= most_kept) return;
    queue<byte_buffer> one;
    one.push_back(std::move(buffer));
    give_back(executor, std::move(one), memory);
} catch (const std::bad_alloc&) {
}

} // namespace oocrpc::detail
