#include "tls_arguments.hpp"

#include <oocrpc/error.hpp>
#include <oocrpc/tls.hpp>

namespace oocrpc::apps {
namespace {

void check(const tls_client_options& how) {
    if (how.ca.empty() && how.certificate.empty() && how.key.empty()) return;
    try {
        const tls_client checked(how);
    } catch (const rpc_error& e) {
        throw CLI::ValidationError("TLS", e.detail());
    }
}

} // namespace

void add_tls(CLI::App& to, tls_client_options& how) {
    to.add_option("--tls-ca", how.ca,
                  "who signs the server's certificate, in PEM (default: whom the system trusts)")
        ->type_name("FILE")
        ->envname("OOCRPC_TLS_CA");
    to.add_option("--tls-certificate", how.certificate, "the certificate to show, in PEM")
        ->type_name("FILE")
        ->envname("OOCRPC_TLS_CERTIFICATE");
    to.add_option("--tls-key", how.key,
                  "its private key, in PEM (default: in the file of the certificate)")
        ->type_name("FILE")
        ->envname("OOCRPC_TLS_KEY");
    to.parse_complete_callback([&how] { check(how); });
}

} // namespace oocrpc::apps
