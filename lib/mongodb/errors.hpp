#pragma once

#include <span>
#include <string_view>

#include <oocrpc/message.hpp>

namespace oocrpc::mongodb {

/// How a failure is told to drivers.
struct error_face {
    std::int32_t code;
    std::string_view name;                    ///< codeName; lives for ever
    std::span<const std::string_view> labels; ///< errorLabels, usually none
};

/// The face of `f` (PROTOCOL section 3).
///
/// Codes by which a driver takes the whole server for changed or gone, so that it drops its
/// connections or sends the call again, become 8000; so does cursor_not_found but for a getMore.
error_face face_of(const failure& f, bool for_get_more) noexcept;

/// The text for a person, which drivers show: the detail, or the message where there is none.
std::string_view text_of(const failure& f) noexcept;

/// Adds both of its texts, as clients of ours read them.
void add_failure(bson::document_writer& to, const failure& f);

} // namespace oocrpc::mongodb
