#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <oocrpc/tls_options.hpp>
#include <oocrpc/url.hpp>

namespace oocrpc::mongodb {

/// What the options of a URI ask for; what they leave open is empty.
struct uri_options {
    std::string application;
    std::vector<std::string> compressors; ///< in the order of preference
    std::string mechanism;                ///< to log in by
    std::string source;                   ///< the database that knows the user
    std::optional<std::size_t> connections;
    std::optional<std::chrono::milliseconds> connect_timeout;
    std::optional<std::chrono::milliseconds> call_timeout;
    std::optional<std::string> tls_ca, tls_certificate, tls_key_password;
    std::optional<bool> allow_invalid_certificates, allow_invalid_hostnames;
};

/// Reads the options of `u`. Throws rpc_error(invalid_argument) that names the option and says why,
/// for those that are unknown, cannot be kept, or have a bad value. Some are accepted without an
/// effect, as what they switch off does not exist here: the table in uri_options.cpp says why.
uri_options read_options(const url& u);

} // namespace oocrpc::mongodb
