#pragma once

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace oocrpc {

/// The errors that the runtime itself produces; the number is the code on the wire
/// (PROTOCOL section 3, MongoDB's numbers where it has one).
enum class errc : int {
    internal = 1,
    invalid_argument = 9,
    permission_denied = 13,
    protocol_error = 17,
    unauthenticated = 18,
    cursor_not_found = 43,
    deadline_exceeded = 50,
    no_such_method = 59,
    overloaded = 462,
    application = 8000,
    unavailable = 8001,
    message_too_large = 10334,
    cancelled = 11601,
};

/// The category of `errc`. Codes outside of `errc` are an application's own.
const std::error_category& category() noexcept;

inline std::error_code make_error_code(errc e) noexcept {
    return {static_cast<int>(e), category()};
}

/// The identifier that stands for `e` on the wire, such as "deadline_exceeded".
std::string_view to_string(errc e) noexcept;

/// The error that an identifier on the wire stands for; nothing for an application's own.
std::optional<errc> errc_from_string(std::string_view message) noexcept;

/// A failed call: what every coroutine of the library throws, and what a handler throws to answer
/// its caller with an error of its own.
///
/// `message()` is the stable identifier, `detail()` the text for a person, `code()` the number.
/// An application's own message has code 8000 unless it gives another. Errors of the library, such
/// as `cancelled` or `unavailable`, have the same shape wherever they come from.
class rpc_error : public std::system_error {
  public:
    /// An application's own error.
    rpc_error(std::string message, std::string detail,
              int code = static_cast<int>(errc::application));
    /// One of the library's errors.
    explicit rpc_error(errc e, std::string detail = {});

    const std::string& message() const noexcept { return message_; }
    const std::string& detail() const noexcept { return detail_; }
    const char* what() const noexcept override { return what_.c_str(); }

  private:
    std::string message_;
    std::string detail_;
    std::string what_;
};

/// True where `e` holds a cancellation: this library's `cancelled` or Asio's `operation_aborted`.
bool is_cancelled(const std::exception_ptr& e) noexcept;

} // namespace oocrpc

template <> struct std::is_error_code_enum<oocrpc::errc> : std::true_type {};
