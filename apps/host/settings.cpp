#include "settings.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <sstream>

#include "config.hpp"
#include "exit.hpp"
#include "host_options.hpp"

namespace host {
namespace {

using oocrpc::option;
using oocrpc::option_values;

/// Several values in one variable.
std::vector<std::string> split(std::string text, char separator) {
    if (separator != ' ') std::ranges::replace(text, ' ', '\1');
    std::ranges::replace(text, separator, ' ');
    std::vector<std::string> words;
    std::istringstream from(text);
    for (std::string word; from >> word;) {
        std::ranges::replace(word, '\1', ' ');
        words.push_back(word);
    }
    return words;
}

class overlay {
  public:
    explicit overlay(const request& from) : from_(from) {}

    void environment(std::span<const option> table, option_values& into) const {
        for (const auto& o : table) {
            const auto variable = variable_of(o.name);
            const char* text = from_.variables(variable);
            if (!text) continue;
            std::vector<std::string> values{text};
            if (o.repeated) values = split(text, o.name == "plugin-dir" ? ':' : ' ');
            set(into, o, std::move(values), "environment " + variable, variable, bad_configuration);
        }
    }

    void command_line(std::span<const option> table, const std::vector<given_option>& given,
                      option_values& into) const {
        for (const auto& g : given)
            for (const auto& o : table)
                if (o.name == g.name)
                    set(into, o, g.values, "command line", "--" + g.name, usage_error);
    }

  private:
    void set(option_values& into, const option& o, std::vector<std::string> values,
             std::string source, const std::string& called, int code) const {
        for (auto& text : values) {
            if (const auto why = oocrpc::why_invalid(o, text); !why.empty())
                throw failure(code, called + ": " + why);
            text = absolute_file(o, text, from_.started_in);
        }
        into.set(o.name, std::move(values), std::move(source));
    }

    const request& from_;
};

void load_single(const request& from, const config_file* file, settings& all) {
    component_settings one{from.plugin->of->name, from.plugin->of,
                           option_values(from.plugin->options)};
    one.file = from.plugin->file;
    auto keys = from.offered; // but the one that would come too late to find the plugin
    std::erase_if(keys, [](const option& o) { return o.name == "plugin-dir"; });
    if (file) file->read_flat(keys, all.host, one.values);
    const overlay over(from);
    over.environment(from.offered, all.host);
    over.environment(from.plugin->options, one.values);
    over.command_line(from.offered, from.host, all.host);
    over.command_line(from.plugin->options, from.component, one.values);
    for (const auto* o : one.values.missing())
        throw failure(usage_error, one.name + ": --" + std::string(o->name) + " is required");
    all.components.push_back(std::move(one));
}

void load_tree(const request& from, const config_file& file, settings& all, plugins& known) {
    file.read_host(from.offered, all.host);
    const overlay over(from);
    over.environment(from.offered, all.host);
    over.command_line(from.offered, from.host, all.host);
    for (const auto& directory : all.host.texts("plugin-dir")) known.load(directory);
    all.components = file.read_components(known);
}

} // namespace

const char* process_environment(const std::string& name) {
    return std::getenv(name.c_str());
}

std::vector<std::string> plugin_directories(const request& from) {
    option_values host(host_options());
    const overlay over(from);
    over.environment(from.offered, host);
    over.command_line(from.offered, from.host, host);
    return host.texts("plugin-dir");
}

settings load(const request& from, plugins& known) {
    settings all{option_values(host_options()), {}};
    std::optional<config_file> file;
    if (!from.config.empty()) file.emplace(from.config, from.started_in);
    if (from.plugin)
        load_single(from, file ? &*file : nullptr, all);
    else if (file)
        load_tree(from, *file, all, known);
    else
        throw failure(usage_error, "the name of a plugin or --config is missing");
    return all;
}

} // namespace host
