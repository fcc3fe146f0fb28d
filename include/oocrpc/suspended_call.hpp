#pragma once

#include <string>
#include <vector>

#include <asio/execution_context.hpp>

#include <oocrpc/clock.hpp>

namespace oocrpc {

/// A call that has not been answered yet, as a daemon tells its operator.
struct suspended_call {
    /// Whether we are to answer it, or wait for the answer.
    enum class direction { served, made };
    direction which;
    std::string method;
    std::string peer; ///< the other end's address
    time_point since; ///< on the clock of its loop
};

/// The suspended calls of all connections of one execution context, in no order. On a thread that
/// runs the context, or while none does.
std::vector<suspended_call> suspended_calls(asio::execution_context& context);

} // namespace oocrpc
