#pragma once

#include <string>
#include <vector>

namespace oocrpc {

/// What an encrypted connection is encrypted with, and what certificate the other end showed.
///
/// The certificate was verified before this was made.
struct tls_info {
    std::string version;  ///< `TLSv1.3`
    std::string cipher;   ///< `TLS_AES_128_GCM_SHA256`
    bool resumed = false; ///< the session of an earlier connection, whose certificate this is
    std::string subject;  ///< of the certificate, as RFC 2253 writes it; empty: there was none
    std::vector<std::string>
        names; ///< of its SAN: `DNS:host`, `email:who@host`, `URI:...`, `IP:...`
};

} // namespace oocrpc
