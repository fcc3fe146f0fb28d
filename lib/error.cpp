#include <oocrpc/error.hpp>

#include <array>
#include <asio/error.hpp>
#include <utility>

namespace oocrpc {
namespace {

constexpr std::array<std::pair<errc, std::string_view>, 13> names{{
    {errc::internal, "internal"},
    {errc::invalid_argument, "invalid_argument"},
    {errc::permission_denied, "permission_denied"},
    {errc::protocol_error, "protocol_error"},
    {errc::unauthenticated, "unauthenticated"},
    {errc::cursor_not_found, "cursor_not_found"},
    {errc::deadline_exceeded, "deadline_exceeded"},
    {errc::no_such_method, "no_such_method"},
    {errc::overloaded, "overloaded"},
    {errc::application, "application"},
    {errc::unavailable, "unavailable"},
    {errc::message_too_large, "message_too_large"},
    {errc::cancelled, "cancelled"},
}};

class oocrpc_category final : public std::error_category {
  public:
    const char* name() const noexcept override { return "oocrpc"; }
    std::string message(int code) const override {
        auto text = to_string(static_cast<errc>(code));
        return text.empty() ? "application error " + std::to_string(code) : std::string(text);
    }
};

} // namespace

const std::error_category& category() noexcept {
    static const oocrpc_category instance;
    return instance;
}

std::string_view to_string(errc e) noexcept {
    for (auto& [code, text] : names)
        if (code == e) return text;
    return {};
}

std::optional<errc> errc_from_string(std::string_view message) noexcept {
    for (auto& [code, text] : names)
        if (text == message && code != errc::application) return code;
    return {};
}

rpc_error::rpc_error(std::string message, std::string detail, int code)
    : std::system_error(std::error_code(code, category())),
      message_(std::move(message)),
      detail_(std::move(detail)),
      what_(detail_.empty() ? message_ : message_ + ": " + detail_) {}

rpc_error::rpc_error(errc e, std::string detail)
    : rpc_error(std::string(to_string(e)), std::move(detail), static_cast<int>(e)) {}

bool is_cancelled(const std::exception_ptr& e) noexcept {
    if (!e) return false;
    try {
        std::rethrow_exception(e);
    } catch (const std::system_error& error) {
        return error.code() == errc::cancelled || error.code() == asio::error::operation_aborted;
    } catch (...) {
        return false;
    }
}

} // namespace oocrpc
