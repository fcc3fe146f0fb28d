#pragma once

#include <string>

namespace oocrpc {

/// Whether clients have to show a certificate; one that is shown is always verified.
enum class client_certificates { off, optional, required };

/// Whether a port that encrypts also takes connections that are not encrypted.
enum class plain_peers { refused, accepted };

/// How a server encrypts. Files are PEM; read by tls_server.
struct tls_server_options {
    std::string certificate; ///< the server's, then those between it and the CA
    std::string key;         ///< empty: in the file of the certificate
    std::string client_ca;   ///< who signs the certificates of clients
    client_certificates clients = client_certificates::off;
    plain_peers plain = plain_peers::refused;
};

/// How a client encrypts, and whom it trusts. Files are PEM; read by tls_client.
struct tls_client_options {
    std::string ca;           ///< empty: those that the system trusts
    std::string certificate;  ///< the client's, then those between it and the CA; empty: none
    std::string key;          ///< empty: in the file of the certificate
    std::string key_password; ///< of a key that is encrypted
    // Anybody in between can read and change everything where one of these is set.
    bool allow_invalid_certificates = false; ///< whoever signed it, and expired
    bool allow_invalid_hostnames = false;    ///< of another host
};

} // namespace oocrpc
