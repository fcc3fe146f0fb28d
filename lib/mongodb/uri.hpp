#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <oocrpc/url.hpp>

namespace oocrpc::mongodb {

// `mongodb://host[:port][,host[:port]...]/[database][?options]`, as the connection string
// specification has it
// (https://github.com/mongodb/specifications/blob/master/source/connection-string/connection-string-spec.md).

/// The port where a URI names none.
inline constexpr std::uint16_t default_port = 27017;

/// Reads a URI of the scheme `mongodb` or `mongodb+srv`; throws rpc_error(invalid_argument) that
/// says what is wrong with which URI, without a password in it.
url parse_uri(std::string_view text);
/// What parse_uri() reads as `u` again.
std::string to_uri(const url& u);

/// What the options of a URI ask for; what they leave open is empty.
struct uri_options {
    std::string application;
    std::vector<std::string> compressors; ///< in the order of preference
    std::optional<int> zlib_level;
    std::optional<std::size_t> connections;
    std::optional<std::chrono::milliseconds> connect_timeout;
    std::optional<std::chrono::milliseconds> call_timeout;
};

/// Reads the options of `u`. Throws rpc_error(invalid_argument) that names the option and says why,
/// for those that are unknown, cannot be kept, or have a bad value. Some are accepted without an
/// effect, as what they switch off does not exist here: the table in uri_options.cpp says why.
uri_options read_options(const url& u);

} // namespace oocrpc::mongodb
