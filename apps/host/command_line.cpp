#include "command_line.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <deque>
#include <iostream>
#include <optional>
#include <stdexcept>

#include <oocrpc/version.hpp>

#include "check.hpp"
#include "documents.hpp"
#include "exit.hpp"
#include "host_options.hpp"
#include "nearest.hpp"
#include "run.hpp"
#include "user_command.hpp"

namespace host {
namespace {

using oocrpc::option;

constexpr std::size_t help_width = 58; // beside CLI11's column of names

const option& named(std::string_view name) {
    return *std::ranges::find(program_options(), name, &option::name);
}

/// A table as options of CLI11, and what is given of it.
class options_of {
  public:
    /// With `greedy`, an option that may be repeated takes all words up to the next option.
    options_of(CLI::App& app, std::span<const option> table, const std::string& group,
               bool greedy) {
        for (const auto& o : table)
            if (!app.get_option_no_throw("--" + std::string(o.name))) // --help, --version
                add(app, o, greedy)->group(group);
    }
    options_of(const options_of&) = delete;

    std::vector<given_option> given() const {
        std::vector<given_option> all;
        for (const auto& b : bound_) {
            if (b.as->count() == 0) continue;
            auto values = b.values;
            if (b.of.type == oocrpc::option_type::flag) values = {b.yes ? "true" : "false"};
            all.push_back({std::string(b.of.name), std::move(values)});
        }
        return all;
    }

  private:
    struct bound {
        option of;
        CLI::Option* as = nullptr;
        std::vector<std::string> values = {};
        bool yes = false;
    };

    CLI::Option* add(CLI::App& app, const option& o, bool greedy) {
        auto& b = bound_.emplace_back(bound{o});
        const auto name = "--" + std::string(o.name);
        const auto help = wrapped(described(o), help_width);
        if (o.type == oocrpc::option_type::flag) return b.as = app.add_flag(name, b.yes, help);
        b.as = app.add_option(name, b.values, help)->type_name(value_name_of(o));
        if (!o.repeated) b.as->expected(1);
        b.as->allow_extra_args(o.repeated && greedy);
        return b.as;
    }

    std::deque<bound> bound_; // CLI11 keeps references
};

/// The directories of plugins must be known before the rest can be read.
void load_plugins(const std::vector<option>& offered, plugins& known, int argc, char** argv) {
    const auto found = std::ranges::find(offered, "plugin-dir", &option::name);
    if (found == offered.end()) return;
    CLI::App first;
    first.allow_extras();
    first.set_help_flag();
    options_of dirs(first, std::span(&*found, 1), "", false);
    request from;
    from.offered.assign(found, std::next(found));
    try {
        first.parse(argc, argv);
        from.host = dirs.given();
        for (const auto& directory : plugin_directories(from)) known.load(directory);
    } catch (const CLI::ParseError&) { // both are told when all is read
    } catch (const failure&) {
    }
}

class command_line {
  public:
    command_line(const program& p, plugins& known);

    CLI::App& app() noexcept { return app_; }
    /// What is asked for. Throws failure(usage_error) for unknown options and names.
    request parsed() const;
    /// Nothing unless the command `user` is given. Throws as parsed() does.
    std::optional<user_request> users() const;

  private:
    struct subcommand {
        const known_plugin* plugin;
        CLI::App* app;
        std::unique_ptr<options_of> options;
    };
    void add_plugin(const known_plugin& k);
    void add_user_command();
    const subcommand* chosen() const;
    void refuse_unknown(const CLI::App* chosen) const;

    const program& program_;
    plugins& known_;
    CLI::App app_;
    std::vector<subcommand> subcommands_; // of a flat program: the one that it is
    std::unique_ptr<options_of> own_;
    std::unique_ptr<options_of> host_;
    CLI::App* user_ = nullptr; ///< null: a flat program has no such command
    std::unique_ptr<options_of> user_options_;
    std::vector<std::string> user_words_; ///< the action, and a name
};

command_line::command_line(const program& p, plugins& known)
    : program_(p),
      known_(known),
      app_(p.description, p.name) {
    app_.set_help_flag("-h,--help", std::string(named("help").help));
    app_.set_version_flag("--version", p.name + " " + std::string(oocrpc::version),
                          std::string(named("version").help));
    app_.allow_extras();
    app_.require_subcommand(0, 1);
    for (const auto& k : known.all()) add_plugin(k);
    if (!p.flat) add_user_command();
    own_ = std::make_unique<options_of>(app_, p.offered(program_options()), "Options", false);
    host_ = std::make_unique<options_of>(app_, p.offered(host_options()), "Host options", false);
}

void command_line::add_plugin(const known_plugin& k) {
    auto* app = &app_;
    if (!program_.flat) {
        app = app_.add_subcommand(k.of->name, k.of->description);
        app->allow_extras();
        app->fallthrough();
        app->footer("The options of the host can be given as well: " + program_.name + " --help");
    }
    const std::string group =
        program_.flat ? "Options of the " + std::string(k.of->name) : "Options";
    subcommands_.push_back({&k, app, std::make_unique<options_of>(*app, k.options, group, true)});
}

void command_line::add_user_command() {
    user_ = app_.add_subcommand(std::string(user_command), user_description);
    user_->allow_extras();
    user_->add_option("ACTION", user_words_, "add, remove, list or passwd, and the user's name")
        ->option_text("[NAME]");
    user_options_ = std::make_unique<options_of>(*user_, user_options(), "Options", false);
}

const command_line::subcommand* command_line::chosen() const {
    for (const auto& s : subcommands_)
        if (program_.flat || s.app->parsed()) return &s;
    return nullptr;
}

void command_line::refuse_unknown(const CLI::App* chosen) const {
    const auto rest = app_.remaining(true);
    if (rest.empty()) return;
    const auto word = rest.front().substr(0, rest.front().find('='));
    const auto see = "; see " + program_.name + " --help";
    if (word.starts_with("-")) {
        std::vector<std::string> names;
        // The plugin's own come first, as of two that are equally near the first is named.
        if (chosen)
            for (const auto* o : chosen->get_options()) names.push_back(o->get_name());
        for (const auto* o : app_.get_options()) names.push_back(o->get_name());
        const auto nearest = did_you_mean(word, names);
        throw failure(usage_error,
                      "unknown option '" + word + "'" + (nearest.empty() ? see : nearest));
    }
    if (chosen) throw failure(usage_error, "unexpected argument '" + word + "'" + see);
    const auto nearest = did_you_mean(word, known_.names());
    throw failure(usage_error,
                  "unknown plugin '" + word + "'" +
                      (nearest.empty() ? "; see " + program_.name + " --list" : nearest));
}

request command_line::parsed() const {
    const auto* s = chosen();
    refuse_unknown(s ? s->app : nullptr);
    request r;
    r.program = program_.name;
    r.plugin = s ? s->plugin : nullptr;
    r.offered = program_.offered(host_options());
    r.host = host_->given();
    if (s) r.component = s->options->given();
    const auto given = own_->given();
    if (std::ranges::count(given, "config", &given_option::name) > 0 &&
        std::ranges::count(given, "check", &given_option::name) > 0)
        throw failure(usage_error, "--check FILE and --config FILE exclude each other");
    for (const auto& g : given) {
        const auto why = oocrpc::why_invalid(named(g.name), g.values.front());
        if (!why.empty()) throw failure(usage_error, "--" + g.name + ": " + why);
        if (g.name == "config") r.config = g.values.front();
        if (g.name == "check") r.config = g.values.front(), r.what = action::check;
        if (g.name == "show-config") r.what = action::show_config;
        if (g.name == "list") r.what = action::list;
        if (g.name == "man") r.what = action::man;
        if (g.name == "completion") r.shell = g.values.front(), r.what = action::completion;
    }
    return r;
}

std::optional<user_request> command_line::users() const {
    if (!user_ || !user_->parsed()) return {};
    refuse_unknown(user_);
    if (!own_->given().empty() || !host_->given().empty())
        throw failure(usage_error, "user takes no options of the host");
    const std::vector<std::string> known(user_actions().begin(), user_actions().end());
    const auto all = "add, remove, list or passwd";
    if (user_words_.empty())
        throw failure(usage_error, std::string("user needs an action: ") + all);
    user_request r{user_words_.front(), {}, oocrpc::option_values(user_options())};
    if (std::ranges::find(known, r.action) == known.end()) {
        const auto nearest = did_you_mean(r.action, known);
        throw failure(usage_error, "user: unknown action '" + r.action + "'" +
                                       (nearest.empty() ? std::string("; it is ") + all : nearest));
    }
    if (user_words_.size() > 2)
        throw failure(usage_error, "unexpected argument '" + user_words_[2] + "'");
    if (user_words_.size() == 2) r.name = user_words_[1];
    try {
        for (auto& g : user_options_->given())
            r.options.set(g.name, std::move(g.values), "command line");
    } catch (const std::invalid_argument& e) {
        throw failure(usage_error, e.what());
    }
    return r;
}

std::string checked(const request& r, plugins& known) {
    auto all = load(r, known);
    const auto n = all.components.size();
    check(std::move(all));
    return r.config + ": ok, " + std::to_string(n) + (n == 1 ? " component\n" : " components\n");
}

int obey(const program& p, const request& r, plugins& known) {
    switch (r.what) {
    case action::run:
        return run(r, known);
    case action::list:
        std::cout << list_of(known);
        break;
    case action::check:
        std::cout << checked(r, known);
        break;
    case action::show_config:
        std::cout << shown(load(r, known));
        break;
    case action::man:
        std::cout << man_page(p, known);
        break;
    case action::completion:
        std::cout << completion(p, known, r.shell);
        break;
    }
    return 0;
}

} // namespace

int main(const program& p, const std::vector<const oocrpc::plugin*>& built_in, int argc,
         char** argv) {
    plugins known(p.name, built_in);
    load_plugins(p.offered(host_options()), known, argc, argv);
    command_line line(p, known);
    return main(line.app(), argc, argv, [&] {
        if (const auto users = line.users()) return manage_users(*users);
        return obey(p, line.parsed(), known);
    });
}

} // namespace host
