#pragma once

#include <memory>

#include <oocrpc/asio.hpp>
#include <oocrpc/byte_buffer.hpp>
#include <oocrpc/memory_budget.hpp>

namespace oocrpc::detail {

/// Frees a buffer; a large one in the next turns of the loop, some pages in each, since to unmap
/// megabytes takes the system the better part of a millisecond. Until they have gone, `memory`
/// counts them, unless it is null.
void give_back(const any_io_executor& executor, byte_buffer buffer,
               const std::shared_ptr<memory_budget>& memory);

} // namespace oocrpc::detail
