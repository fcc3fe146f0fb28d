#include "config.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <toml++/toml.h>

#include "exit.hpp"
#include "nearest.hpp"

namespace host {
namespace {

using oocrpc::option;
using oocrpc::option_values;

/// Keys and where their values go.
struct target {
    std::span<const option> keys;
    option_values* into;
};

std::string number_text(double n) {
    char text[32];
    return {text, std::to_chars(std::begin(text), std::end(text), n).ptr};
}

/// The value as it would stand on the command line.
std::optional<std::string> word(const toml::node& value) {
    if (const auto* text = value.as_string()) return text->get();
    if (const auto* n = value.as_integer()) return std::to_string(n->get());
    if (const auto* yes = value.as_boolean()) return yes->get() ? "true" : "false";
    if (const auto* real = value.as_floating_point()) return number_text(real->get());
    return std::nullopt;
}

oocrpc::on_failure policy_of(const std::string& text) {
    if (text == "restart") return oocrpc::on_failure::restart;
    if (text == "ignore") return oocrpc::on_failure::ignore;
    return oocrpc::on_failure::stop;
}

std::string why_no_component_name(std::string_view text) {
    const bool good = !text.empty() && text.find('.') == text.npos;
    return good ? "" : "'" + std::string(text) + "': expected a name without dots";
}

constexpr option plugin_key{.name = "plugin", .help = "what it is"};
constexpr option component_keys[] = {
    {.name = "name", .help = "in logs and in the tree", .check = why_no_component_name},
    plugin_key,
    {.name = "on-failure",
     .help = "what follows when it fails",
     .fallback = "stop",
     .choices = "stop|restart|ignore"},
};

} // namespace

/// The parsed file; what it says is set with the places where it says so.
class config_file::reader {
  public:
    reader(std::string name, std::filesystem::path directory)
        : name_(std::move(name)),
          directory_(std::move(directory)) {
        const auto text = read_file((directory_ / name_).string());
        try {
            all_ = toml::parse(text);
        } catch (const toml::parse_error& e) {
            refuse(e.source(), std::string(e.description()));
        }
    }

    const toml::table& all() const noexcept { return all_; }

    std::string place(const toml::source_region& at) const {
        return name_ + ":" + std::to_string(at.begin.line) + ":" + std::to_string(at.begin.column);
    }
    [[noreturn]] void refuse(const toml::source_region& at, const std::string& why) const {
        throw failure(bad_configuration, place(at) + ": " + why);
    }

    void fill(const toml::table& from, const std::vector<target>& targets) const {
        for (const auto& [key, value] : from) {
            const auto found = find(key.str(), targets);
            if (!found.into) unknown(key, targets);
            set(*found.into, found.keys.front(), value);
        }
    }

    /// Throws where `value` is none.
    const toml::table& table_of(const toml::node& value, const std::string& expected) const {
        if (const auto* table = value.as_table()) return *table;
        refuse(value.source(), "expected " + expected);
    }

    component_settings component(const toml::table& from, const plugins& known) const {
        const auto& of = plugin_of(from, known);
        component_settings one{of.of->name, of.of, option_values(of.options)};
        one.file = of.file;
        option_values own(component_keys);
        fill(from, {{of.options, &one.values}, {component_keys, &own}});
        if (own.given("name")) one.name = own.text("name");
        one.policy.action = policy_of(own.text("on-failure"));
        for (const auto* o : one.values.missing())
            refuse(from.source(),
                   "component '" + one.name + "': " + std::string(o->name) + " is required");
        return one;
    }

  private:
    const known_plugin& plugin_of(const toml::table& component, const plugins& known) const {
        const auto* value = component.get("plugin");
        if (!value) refuse(component.source(), "the key 'plugin' is missing");
        const auto name = checked(plugin_key, *value);
        if (const auto* found = known.find(name)) return *found;
        refuse(value->source(),
               "unknown plugin '" + name + "'" + did_you_mean(name, known.names()));
    }

    /// The one key of that name, and where it goes; null where there is none.
    static target find(std::string_view key, const std::vector<target>& targets) {
        for (const auto& t : targets)
            for (const auto& o : t.keys)
                if (o.name == key) return {std::span(&o, 1), t.into};
        return {};
    }

    [[noreturn]] void unknown(const toml::key& key, const std::vector<target>& targets) const {
        std::vector<std::string> names;
        for (const auto& t : targets)
            for (const auto& o : t.keys) names.emplace_back(o.name);
        const std::string text(key.str());
        refuse(key.source(), "unknown key '" + text + "'" + did_you_mean(text, names));
    }

    std::string checked(const option& o, const toml::node& value) const {
        const auto text = word(value);
        const auto refuse_it = [&](const std::string& why) {
            refuse(value.source(), std::string(o.name) + ": " + why);
        };
        if (!text) refuse_it("expected a string, a number or a truth value");
        if (const auto why = oocrpc::why_invalid(o, *text); !why.empty()) refuse_it(why);
        return absolute_file(o, *text, directory_);
    }

    void set(option_values& into, const option& o, const toml::node& value) const {
        std::vector<std::string> texts;
        const auto* list = value.as_array();
        if (list && !o.repeated)
            refuse(value.source(), std::string(o.name) + ": expected one value, not a list");
        if (list)
            for (const auto& one : *list) texts.push_back(checked(o, one));
        else
            texts.push_back(checked(o, value));
        into.set(o.name, std::move(texts), place(value.source()));
    }

    std::string name_;
    std::filesystem::path directory_;
    toml::table all_;
};

config_file::config_file(std::string name, std::filesystem::path directory)
    : reader_(std::make_unique<reader>(std::move(name), std::move(directory))) {}

config_file::~config_file() = default;

void config_file::read_flat(std::span<const option> host_keys, option_values& host,
                            option_values& component) const {
    reader_->fill(reader_->all(), {{component.table(), &component}, {host_keys, &host}});
}

void config_file::read_host(std::span<const option> host_keys, option_values& host) const {
    for (const auto& [key, value] : reader_->all()) {
        if (key == "host")
            reader_->fill(reader_->table_of(value, "[host]"), {{host_keys, &host}});
        else if (key != "component")
            reader_->refuse(key.source(), "unknown key '" + std::string(key.str()) +
                                              "'; the file of a tree has [host] and [[component]]");
    }
}

std::vector<component_settings> config_file::read_components(const plugins& known) const {
    std::vector<component_settings> all;
    const auto* list = reader_->all().get_as<toml::array>("component");
    if (!list || list->empty())
        reader_->refuse(reader_->all().source(), "there is no [[component]]");
    for (const auto& node : *list) {
        auto one = reader_->component(reader_->table_of(node, "[[component]]"), known);
        for (const auto& other : all)
            if (other.name == one.name)
                reader_->refuse(node.source(), "there is a component '" + one.name + "' already");
        all.push_back(std::move(one));
    }
    return all;
}

bool is_component_key(std::string_view name) {
    return std::ranges::any_of(component_keys, [&](const option& o) { return o.name == name; });
}

std::string absolute_file(const option& o, const std::string& value,
                          const std::filesystem::path& directory) {
    if (o.type != oocrpc::option_type::file) return value;
    return (directory / value).lexically_normal().string();
}

} // namespace host
