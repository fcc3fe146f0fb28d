#pragma once

#include <optional>
#include <string>
#include <vector>

#include <oocrpc/bson.hpp>
#include <oocrpc/metadata.hpp>

namespace oocrpc::cli {

/// The arguments of a call, from what was typed.
///
/// Each word is a value in JSON (Extended JSON too), or where it is not JSON, that text itself;
/// they are positional. `named` is a JSON object of named arguments instead. Neither: no arguments
/// (`absent`). Throws usage_error that quotes what cannot be sent, and for both at once.
bson::value encode_arguments(const std::vector<std::string>& words,
                             const std::optional<std::string>& named);

/// Metadata from texts of the form `name=text`; a later one of the same name wins. Throws
/// usage_error.
metadata parse_metadata(const std::vector<std::string>& pairs);

} // namespace oocrpc::cli
