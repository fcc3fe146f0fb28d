#pragma once

#include <memory>

#include <oocrpc/asio.hpp>
#include <oocrpc/byte_buffer.hpp>
#include <oocrpc/detail/queue.hpp>
#include <oocrpc/memory_budget.hpp>

namespace oocrpc::detail {

/// Frees a buffer; one of more than 64 KiB in the next turns of the loop, up to 256 KiB in each,
/// since to unmap megabytes takes the system the better part of a millisecond. Until they have
/// gone, `memory` counts them, unless it is null. Where there is no memory for that, it is freed at
/// once. From the executor's thread.
void give_back(const any_io_executor& executor, byte_buffer buffer,
               const std::shared_ptr<memory_budget>& memory) noexcept;
/// The same for several, one after the other, so that those who wait for a turn wait for one of
/// them.
void give_back(const any_io_executor& executor, queue<byte_buffer> buffers,
               const std::shared_ptr<memory_budget>& memory) noexcept;

} // namespace oocrpc::detail
