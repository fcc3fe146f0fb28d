#include <oocrpc/detail/call_executor.hpp>

#include <asio/strand.hpp>

namespace oocrpc::detail {

bool running_here(const any_io_executor& executor) noexcept {
    using context_executor = asio::io_context::executor_type;
    if (auto* e = executor.target<context_executor>()) return e->running_in_this_thread();
    if (auto* e = executor.target<call_executor>()) return running_here(e->inner());
    if (auto* e = executor.target<asio::strand<context_executor>>())
        return e->running_in_this_thread();
    if (auto* e = executor.target<asio::strand<any_io_executor>>())
        return e->running_in_this_thread();
    return false;
}

} // namespace oocrpc::detail
