#pragma once

#include <memory>
#include <string>
#include <vector>

#include <oocrpc/option.hpp>
#include <oocrpc/tls.hpp>

namespace host {

/// How the serving options say that these URLs are encrypted; null where none of them is. Throws a
/// failure: usage_error for options that do not fit together, bad_configuration for a file that
/// cannot be used.
std::shared_ptr<oocrpc::tls_server> make_tls(const oocrpc::option_values& given,
                                             const std::vector<std::string>& urls);

/// New contents of files in use, and by whom.
struct renewed_files {
    std::string name; ///< of the component
    std::shared_ptr<oocrpc::tls_server> user;
    oocrpc::tls_server::certificates now;
};
/// What has changed in the files of these. Throws failure(bad_configuration) for one that cannot
/// be used.
std::vector<renewed_files>
read_renewed(const std::string& name, const std::vector<std::shared_ptr<oocrpc::tls_server>>& all);

} // namespace host
