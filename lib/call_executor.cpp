#include <oocrpc/detail/call_executor.hpp>

#include <asio/strand.hpp>

namespace oocrpc::detail {

bool running_here(const any_io_executor& executor) noexcept {
    using context_executor = asio::io_context::executor_type;
    if (auto* e = held_as<context_executor>(executor)) return e->running_in_this_thread();
    if (auto* e = held_as<call_executor>(executor)) return running_here(e->inner());
    if (auto* e = held_as<asio::strand<context_executor>>(executor))
        return e->running_in_this_thread();
    if (auto* e = held_as<asio::strand<any_io_executor>>(executor))
        return e->running_in_this_thread();
    return false;
}

} // namespace oocrpc::detail
