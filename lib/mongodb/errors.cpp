#include "errors.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <oocrpc/bson_value.hpp>

namespace oocrpc::mongodb {
namespace {

constexpr std::int32_t application = static_cast<std::int32_t>(errc::application);
constexpr std::string_view application_name = "OocrpcApplicationError";

// MongoDB's names for its numbers, as far as anything here sends them.
constexpr std::array<std::pair<std::int32_t, std::string_view>, 30> names{{
    {1, "InternalError"},
    {2, "BadValue"},
    {9, "FailedToParse"},
    {13, "Unauthorized"},
    {14, "TypeMismatch"},
    {17, "ProtocolError"},
    {18, "AuthenticationFailed"},
    {20, "IllegalOperation"},
    {26, "NamespaceNotFound"},
    {43, "CursorNotFound"},
    {50, "MaxTimeMSExpired"},
    {59, "CommandNotFound"},
    {72, "InvalidOptions"},
    {73, "InvalidNamespace"},
    {96, "OperationFailed"},
    {115, "CommandNotSupported"},
    {224, "QueryFeatureNotAllowed"},
    {225, "TransactionTooOld"},
    {237, "CursorKilled"},
    {238, "NotImplemented"},
    {251, "NoSuchTransaction"},
    {263, "OperationNotSupportedInTransaction"},
    {323, "APIStrictError"},
    {352, "UnsupportedOpQueryCommand"},
    {462, "IngressRequestRateLimitExceeded"},
    {8001, "OocrpcUnavailable"},
    {10334, "BSONObjectTooLarge"},
    {11000, "DuplicateKey"},
    {11601, "Interrupted"},
    {16389, "Location16389"},
}};

// MONGO.md section 3, measured: these change what a driver thinks of the server.
constexpr std::array<std::int32_t, 16> forbidden{
    0, 6, 7, 89, 91, 134, 189, 262, 391, 9001, 10058, 10107, 11600, 11602, 13435, 13436};

constexpr std::array<std::string_view, 2> overloaded_labels{"SystemOverloadedError",
                                                            "RetryableError"};

} // namespace

error_face face_of(const failure& f, bool for_get_more) noexcept {
    auto code = static_cast<std::int32_t>(f.code);
    const bool lost_cursor = code == static_cast<std::int32_t>(errc::cursor_not_found);
    if (std::ranges::find(forbidden, code) != forbidden.end() || (lost_cursor && !for_get_more))
        code = application;
    error_face face{code, application_name, {}};
    for (const auto& [number, name] : names)
        if (number == code) face.name = name;
    if (code == static_cast<std::int32_t>(errc::overloaded)) face.labels = overloaded_labels;
    return face;
}

std::string_view text_of(const failure& f) noexcept {
    return f.detail.empty() ? std::string_view(f.message) : std::string_view(f.detail);
}

void add_failure(bson::document_writer& to, const failure& f) {
    to.add("message", f.message);
    to.add("detail", f.detail);
}

} // namespace oocrpc::mongodb
