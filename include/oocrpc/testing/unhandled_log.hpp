#pragma once

#include <exception>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

#include <oocrpc/unhandled.hpp>

namespace oocrpc::testing {

/// What an exception says; empty where there is none.
std::string what(const std::exception_ptr& e);

/// `file:line`, or "a place unknown".
std::string text_of(const std::source_location& place);

/// Receives the errors that nobody else did, by on_unhandled(), while it lives; as trial's
/// `flushLoggedErrors`.
///
/// For a case that expects such errors: what comes here does not fail run(), whether this was made
/// inside of it or before. The last one made gets all. Destroyed on the thread that made it, in
/// the opposite order; errors may come on any.
class unhandled_log {
  public:
    unhandled_log();
    unhandled_log(unhandled_log&&) = delete;
    ~unhandled_log();

    /// What each of the errors says.
    std::vector<std::string> errors() const;
    /// Where what failed was made, one for each of the errors.
    std::vector<std::source_location> places() const;

    /// Whether `f` belongs to one of these.
    static bool set(const unhandled_function& f) noexcept;

  private:
    struct state;
    struct receive;

    std::shared_ptr<state> state_;
    unhandled_function previous_;
};

} // namespace oocrpc::testing
