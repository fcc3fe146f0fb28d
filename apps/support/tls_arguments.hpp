#pragma once

#include <CLI/CLI.hpp>

#include <oocrpc/tls_options.hpp>

namespace oocrpc::apps {

/// `--tls-ca`, `--tls-certificate` and `--tls-key`, also as OOCRPC_TLS_CA and so on, checked.
void add_tls(CLI::App& to, tls_client_options& how);

} // namespace oocrpc::apps
