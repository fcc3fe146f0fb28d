#include "config.hpp"

#include <optional>

#include <CLI/CLI.hpp>
#include <toml++/toml.h>

#include "host/exit.hpp"

namespace oocrpc::proxy {
namespace {

[[noreturn]] void complain(const std::string& path, const toml::source_region& at,
                           const std::string& why) {
    throw host::failure(host::bad_configuration, path + ":" + std::to_string(at.begin.line) + ":" +
                                                     std::to_string(at.begin.column) + ": " + why);
}

toml::table parse(const std::string& path) {
    const auto text = host::read_file(path);
    try {
        return toml::parse(text);
    } catch (const toml::parse_error& e) {
        complain(path, e.source(), std::string(e.description()));
    }
}

/// The value as it would stand on the command line.
std::optional<std::string> word(const toml::node& value) {
    if (const auto* text = value.as_string()) return text->get();
    if (const auto* n = value.as_integer()) return std::to_string(n->get());
    if (const auto* yes = value.as_boolean()) return yes->get() ? "true" : "false";
    if (const auto* real = value.as_floating_point()) {
        std::ostringstream out;
        out << real->get();
        return out.str();
    }
    return std::nullopt;
}

CLI::Option* find_option(CLI::App& command, std::string_view key) {
    if (key == "config" || key == "help" || key == "version") return nullptr;
    return command.get_option_no_throw("--" + std::string(key));
}

class config_reader {
  public:
    config_reader(CLI::App& command, const std::string& path) : command_(command), path_(path) {}

    void read(const toml::table& all) {
        for (const auto& [key, value] : all) {
            auto* option = find_option(command_, key.str());
            if (!option)
                complain(path_, key.source(), "unknown key '" + std::string(key.str()) + "'");
            // The command line wins.
            const bool given = option->count() > 0;
            if (const auto* list = value.as_array())
                for (const auto& one : *list) check(*option, key.str(), one);
            else
                check(*option, key.str(), value);
            if (!given) set(*option, key.str(), value);
        }
    }

  private:
    [[noreturn]] void refuse(std::string_view key, const toml::node& at, const std::string& why) {
        complain(path_, at.source(), std::string(key) + ": " + why);
    }

    /// Asks the option's own checks, one value at a time, so that the fault has a place.
    void check(CLI::Option& option, std::string_view key, const toml::node& value) {
        const auto text = word(value);
        if (!text) refuse(key, value, "expected a string, a number or a truth value");
        for (int i = 0;; ++i) {
            const CLI::Validator* validator = nullptr;
            try {
                validator = option.get_validator(i);
            } catch (const CLI::OptionNotFound&) {
                return;
            }
            std::string changed = *text;
            const auto why = (*validator)(changed);
            if (!why.empty()) refuse(key, value, why);
        }
    }

    void set(CLI::Option& option, std::string_view key, const toml::node& value) {
        try {
            if (const auto* list = value.as_array()) {
                if (list->empty()) return;
                for (const auto& one : *list) option.add_result(*word(one));
            } else {
                option.add_result(*word(value));
            }
            option.run_callback();
        } catch (const CLI::Error& e) {
            refuse(key, value, e.what());
        }
    }

    CLI::App& command_;
    const std::string& path_;
};

} // namespace

void read_config(CLI::App& command, const std::string& path) {
    const auto all = parse(path);
    config_reader(command, path).read(all);
}

} // namespace oocrpc::proxy
