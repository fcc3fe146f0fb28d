#pragma once

#include <string>
#include <string_view>

#include <oocrpc/url.hpp>

namespace oocrpc::mongodb {

// `mongodb://[user[:password]@]host[:port][,host[:port]...]/[database][?options]`, as the
// connection string specification has it
// (https://github.com/mongodb/specifications/blob/master/source/connection-string/connection-string-spec.md).

/// The port where a URI names none.
inline constexpr std::uint16_t default_port = 27017;

/// Reads a URI of the scheme `mongodb` or `mongodb+srv`; throws rpc_error(invalid_argument) that
/// says what is wrong with which URI, without a password in it.
url parse_uri(std::string_view text);
/// Whether that is the name of the option that says whether connections are encrypted.
bool asks_for_tls(std::string_view name);
/// What parse_uri() reads as `u` again, but for passwords, which are left out.
std::string to_uri(const url& u);

} // namespace oocrpc::mongodb
