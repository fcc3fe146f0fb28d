#pragma once

#include <string>
#include <vector>

#include <openssl/x509.h>

namespace oocrpc::detail {

// What a certificate is about, as text.

/// The subject, as RFC 2253 writes it.
std::string subject_of(const X509& certificate);
/// The names of its SAN as tls_info has them, without those that hold a NUL or no text.
std::vector<std::string> names_of(const X509& certificate);
/// `a, b and c`, or that there are none.
std::string listed(const std::vector<std::string>& names);

} // namespace oocrpc::detail
