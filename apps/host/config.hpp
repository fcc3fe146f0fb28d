#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "settings.hpp"

namespace host {

/// A configuration file, in TOML. Keys are the names of options, `cache-bytes = "64MiB"`, with a
/// list for one that may be repeated.
///
/// All functions throw failure(bad_configuration) with `FILE:LINE:COLUMN: what is wrong`, for
/// unknown keys with the nearest one that is known.
class config_file {
  public:
    /// `name` is the file, for messages as it is written; relative to `directory`, as paths in it
    /// are. Throws failure(no_input) where it cannot be read.
    config_file(std::string name, std::filesystem::path directory);
    ~config_file();

    /// The file of one component: keys of its plugin and of the host side by side.
    void read_flat(std::span<const oocrpc::option> host_keys, oocrpc::option_values& host,
                   oocrpc::option_values& component) const;
    /// [host] of the file of a tree, which has nothing but that and [[component]].
    void read_host(std::span<const oocrpc::option> host_keys, oocrpc::option_values& host) const;
    /// Every [[component]] of a tree, in their order.
    std::vector<component_settings> read_components(const plugins& known) const;

  private:
    class reader;
    std::unique_ptr<reader> reader_;
};

/// Keys of a [[component]] that no option can have: `name`, `plugin`, `on-failure`.
bool is_component_key(std::string_view name);

/// The value of an option that is a file, made absolute; others as they are.
std::string absolute_file(const oocrpc::option& o, const std::string& value,
                          const std::filesystem::path& directory);

} // namespace host
