#pragma once

#include <exception>
#include <functional>
#include <source_location>

namespace oocrpc {

/// What is done with an error that nobody can receive any more. `made` is where what failed was
/// made: the promise, the task; its line is 0 where that is not known.
using unhandled_function =
    std::function<void(std::exception_ptr, const std::source_location& made)>;

/// Sets what happens to errors that nobody ever looked at: a promise that failed and was dropped, a
/// detached child or a task that fails after its group has gone. Returns what was set before.
///
/// There is one hook for the process, as with `std::set_terminate`, because these errors are just
/// those that have lost every object that could name an owner; they are programming errors to be
/// logged, as Twisted's "Unhandled error in Deferred", and never a way to deliver a result. The
/// default does nothing. Thread-safe; the function is called on whatever thread drops the error,
/// perhaps from a destructor, so what it throws is swallowed. An empty function is the default.
unhandled_function on_unhandled(unhandled_function f);

/// Hands `e` to the function that was set: for code that has to drop an error.
void report_unhandled(std::exception_ptr e, const std::source_location& made = {}) noexcept;

} // namespace oocrpc
