#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <unistd.h>

#include <host/exit.hpp>
#include <host/host_options.hpp>
#include <host/settings.hpp>

namespace host::test {

using enum oocrpc::option_type;

inline constexpr oocrpc::option poem_options[] = {
    {.name = "poem", .type = file, .help = "A poem's file", .repeated = true, .required = true},
    {.name = "bytes", .type = integer, .help = "At a time", .least = 1},
    {.name = "delay", .type = duration, .help = "Between them", .fallback = "1s"},
};
inline constexpr oocrpc::option quiet_options[] = {
    {.name = "quiet", .type = flag, .help = "Say nothing at all"},
};

inline std::unique_ptr<oocrpc::component> make_nothing(oocrpc::plugin_host&) {
    return nullptr;
}

inline const oocrpc::plugin poems{oocrpc::plugin_abi, "poems", "Poems, on request",
                                  poem_options,       true,    make_nothing};
inline const oocrpc::plugin quiet{oocrpc::plugin_abi, "quiet", "Does nothing",
                                  quiet_options,      false,   make_nothing};

/// A directory that goes with it.
class directory {
  public:
    directory() {
        static int count = 0;
        path_ = std::filesystem::temp_directory_path() /
                ("oocrpc-host-" + std::to_string(::getpid()) + "-" + std::to_string(++count));
        std::filesystem::create_directories(path_);
    }
    ~directory() { std::filesystem::remove_all(path_); }
    directory(const directory&) = delete;

    const std::filesystem::path& path() const { return path_; }
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(path_ / name) << text;
    }

  private:
    std::filesystem::path path_;
};

/// Two plugins, a directory to have files in, and an environment of one's own.
struct place {
    plugins known{"oocrpcd", {&poems, &quiet}};
    directory files;
    std::map<std::string, std::string> variables;

    /// A request for the plugin of that name, or a tree.
    request ask(std::string_view plugin, std::string config = {}) {
        request r;
        r.program = "oocrpcd";
        r.plugin = known.find(plugin);
        r.config = std::move(config);
        r.offered.assign(host_options().begin(), host_options().end());
        r.started_in = files.path();
        r.variables = [this](const std::string& name) -> const char* {
            const auto found = variables.find(name);
            return found == variables.end() ? nullptr : found->second.c_str();
        };
        return r;
    }

    /// The code and the line that loading ends with.
    std::string refusal(const request& r) {
        try {
            load(r, known);
        } catch (const failure& e) {
            return std::to_string(e.code()) + " " + e.what();
        }
        return "accepted";
    }
    std::string refusal_of_tree(const std::string& text) {
        files.write("app.toml", text);
        return refusal(ask("", "app.toml"));
    }
    std::string refusal_of_flat(const std::string& text) {
        files.write("flat.toml", text);
        return refusal(ask("poems", "flat.toml"));
    }
};

} // namespace host::test
