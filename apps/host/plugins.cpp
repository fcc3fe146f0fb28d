#include "plugins.hpp"

#include <algorithm>
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stdexcept>

#include "config.hpp"
#include "host_options.hpp"
#include "rehearse.hpp"

namespace host {
namespace {

using oocrpc::option;

struct close_object {
    void operator()(void* object) const noexcept { dlclose(object); }
};

/// One line without the path, which dlerror() often begins with.
std::string why_not_loaded(const std::string& path) {
    const char* text = dlerror();
    std::string why = text ? text : "unknown";
    if (why.starts_with(path + ": ")) why.erase(0, path.size() + 2);
    std::ranges::replace(why, '\n', ' ');
    return why;
}

bool is_name(std::string_view text) {
    constexpr auto letters = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    return !text.empty() && text.front() != '-' && text.find_first_not_of(letters) == text.npos;
}

bool has(std::span<const option> table, std::string_view name) {
    return std::ranges::any_of(table, [&](const option& o) { return o.name == name; });
}

/// A name that means something else already, on the command line or in a file.
bool is_taken(std::string_view name) {
    return is_component_key(name) || has(host_options(), name) || has(program_options(), name);
}

std::vector<option> table_of(const oocrpc::plugin& p) {
    std::vector<option> all;
    if (p.serves) all.assign(serving_options().begin(), serving_options().end());
    for (const auto& o : p.options) {
        const auto quoted = "its option '" + std::string(o.name) + "'";
        if (!is_name(o.name)) throw std::invalid_argument(quoted + " is no name");
        if (is_taken(o.name) || has(all, o.name))
            throw std::invalid_argument(quoted + " has the name of another option");
        if (!o.fallback.empty())
            if (const auto why = oocrpc::why_invalid(o, o.fallback); !why.empty())
                throw std::invalid_argument(quoted + " has a bad default: " + why);
        all.push_back(o);
    }
    return all;
}

} // namespace

plugins::plugins(std::string program, const std::vector<const oocrpc::plugin*>& built_in)
    : complain([program = std::move(program)](const std::string& line) {
          std::cerr << program << ": " << line << std::endl;
      }) {
    for (const auto* p : built_in) add(*p, {});
}

void plugins::add(const oocrpc::plugin& p, std::string file) {
    if (!p.name || !is_name(p.name) || !p.description || !p.make)
        throw std::invalid_argument("its descriptor lacks a name, a description or a factory");
    if (p.name == user_command)
        throw std::invalid_argument("'user' is a command of the host, and no plugin's name");
    if (find(p.name))
        throw std::invalid_argument("there is a plugin '" + std::string(p.name) + "' already");
    all_.push_back({&p, table_of(p), std::move(file)});
}

void plugins::load(const std::string& directory) {
    if (!directories_.insert(directory).second) return;
    std::error_code ec;
    std::vector<std::string> paths;
    std::filesystem::directory_iterator at(directory, ec), end;
    for (; !ec && at != end; at.increment(ec))
        if (at->path().extension() == ".so") paths.push_back(at->path().string());
    if (ec) complain("plugins in " + directory + ": " + ec.message());
    std::ranges::sort(paths);
    for (const auto& path : paths) {
        try {
            try_file(path);
            load_file(path);
        } catch (const std::exception& e) {
            complain("plugin " + path + ": " + e.what());
        }
    }
}

void plugins::try_file(const std::string& path) {
    std::error_code ec;
    if (!std::filesystem::is_regular_file(path, ec)) // a FIFO would be waited for
        throw std::runtime_error(ec ? ec.message() : "it is no regular file");
    if (const auto why = rehearse([&] { load_file(path); }, loading_time); !why.empty())
        throw std::runtime_error(why);
}

void plugins::load_file(const std::string& path) {
    std::unique_ptr<void, close_object> object(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL));
    if (!object) throw std::runtime_error(why_not_loaded(path));
    const auto* p = static_cast<const oocrpc::plugin*>(dlsym(object.get(), "oocrpc_plugin"));
    if (!p) throw std::runtime_error("it has no symbol oocrpc_plugin");
    // Nothing behind the tag can be read before it is known to be of the same layout.
    if (!p->abi || std::strcmp(p->abi, oocrpc::plugin_abi) != 0)
        throw std::runtime_error("it is made for '" + std::string(p->abi ? p->abi : "") +
                                 "', this program is '" + oocrpc::plugin_abi + "'");
    add(*p, path);
    [[maybe_unused]] auto* const stays = object.release();
}

const known_plugin* plugins::find(std::string_view name) const {
    const auto found =
        std::ranges::find_if(all_, [&](const known_plugin& k) { return k.of->name == name; });
    return found == all_.end() ? nullptr : &*found;
}

std::vector<std::string> plugins::names() const {
    std::vector<std::string> all;
    for (const auto& k : all_) all.emplace_back(k.of->name);
    return all;
}

} // namespace host
