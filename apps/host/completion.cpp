#include <algorithm>

#include "documents.hpp"
#include "host_options.hpp"

namespace host {
namespace {

using oocrpc::option;
using oocrpc::option_type;

/// The tables of a program, in the order of its help.
std::vector<option> own_options(const program& p) {
    auto all = p.offered(program_options());
    const auto host = p.offered(host_options());
    all.insert(all.end(), host.begin(), host.end());
    return all;
}

std::string words_of(std::span<const option> table) {
    std::string words;
    for (const auto& o : table) words += (words.empty() ? "--" : " --") + std::string(o.name);
    return words;
}

std::string names_of(const std::vector<named_command>& all, char separator) {
    std::string names;
    for (const auto& c : all) names += (names.empty() ? "" : std::string(1, separator)) + c.name;
    return names;
}

/// With blanks before them.
std::string actions_of(const named_command& c) {
    std::string words;
    for (const auto action : c.actions) words += " " + std::string(action);
    return words;
}

std::string choices_of(const option& o) {
    std::string words(o.choices);
    std::ranges::replace(words, '|', ' ');
    return words;
}

std::string replaced(std::string_view text, char what, std::string_view by) {
    std::string out;
    for (const char c : text) out += c == what ? std::string(by) : std::string(1, c);
    return out;
}

/// In single quotes, for bash and zsh.
std::string shell_quoted(std::string_view text) {
    return "'" + replaced(text, '\'', "'\\''") + "'";
}

std::string function_of(const program& p) {
    return "_" + replaced(p.name, '-', "_");
}

// --- bash

/// Cases of what to offer as the value of an option; those that take none have no case.
void bash_values(std::string& script, std::span<const option> table) {
    for (const auto& o : table) {
        if (o.type == option_type::flag) continue;
        script += "    *:--" + std::string(o.name) + ") ";
        if (!o.choices.empty())
            script +=
                "COMPREPLY=($(compgen -W " + shell_quoted(choices_of(o)) + " -- \"$word\")) ;;\n";
        else if (o.type == option_type::file)
            script += "COMPREPLY=($(compgen -f -- \"$word\")) ;;\n";
        else
            script += ";;\n";
    }
}

std::string bash(const program& p, const std::vector<named_command>& all) {
    const auto own = own_options(p);
    auto script = "# Completions of " + p.name + " for bash.\n" + function_of(p) + "() {\n" +
                  R"(    local word=${COMP_WORDS[COMP_CWORD]} name= one
    COMPREPLY=()
)";
    if (!p.flat)
        script += "    for one in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n        case $one in " +
                  names_of(all, '|') + ") name=$one; break ;; esac\n    done\n";
    script += "    case $name:${COMP_WORDS[COMP_CWORD-1]} in\n";
    bash_values(script, own);
    for (const auto& c : all) {
        std::string values;
        bash_values(values, c.options);
        script += p.flat ? values : replaced(values, '*', c.name);
    }
    script +=
        "    *)\n        local words=" + shell_quoted(words_of(own)) + "\n        case $name in\n";
    if (!p.flat) script += "        '') words+=" + shell_quoted(" " + names_of(all, ' ')) + " ;;\n";
    for (const auto& c : all)
        script += "        " + (p.flat ? "''" : c.name) +
                  ") words+=" + shell_quoted(actions_of(c) + " " + words_of(c.options)) + " ;;\n";
    return script + "        esac\n        COMPREPLY=($(compgen -W \"$words\" -- \"$word\")) ;;\n" +
           "    esac\n}\ncomplete -F " + function_of(p) + " " + p.name + "\n";
}

// --- zsh

std::string zsh_word(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

std::string zsh_options(std::span<const option> table) {
    std::string lines;
    for (const auto& o : table) {
        auto spec = std::string(o.repeated ? "*" : "") + "--" + std::string(o.name) + "[" +
                    zsh_word(o.help) + "]";
        if (o.type != option_type::flag) spec += ":" + zsh_word(value_name_of(o)) + ":";
        if (!o.choices.empty())
            spec += "(" + choices_of(o) + ")";
        else if (o.type == option_type::file)
            spec += "_files";
        lines += "    " + shell_quoted(spec) + "\n";
    }
    return lines;
}

std::string zsh_actions(const named_command& c) {
    if (c.actions.empty()) return {};
    return "    " + shell_quoted("2:action:(" + actions_of(c).substr(1) + ")") + "\n";
}

std::string zsh(const program& p, const std::vector<named_command>& all) {
    auto script = "#compdef " + p.name + "\n# Completions of " + p.name +
                  " for zsh.\nlocal -a options\noptions=(\n" + zsh_options(own_options(p));
    if (p.flat) {
        for (const auto& c : all) script += zsh_options(c.options);
        return script + ")\n_arguments $options\n";
    }
    std::string names;
    for (const auto& c : all)
        names += " " + c.name + "\\:\"" + replaced(zsh_word(c.description), '"', "\\\"") + "\"";
    script += "    " + shell_quoted("1:plugin:((" + names.substr(1) + "))") +
              "\n)\ncase ${words[(r)(" + names_of(all, '|') + ")]} in\n";
    for (const auto& c : all)
        script += c.name + ") options+=(\n" + zsh_actions(c) + zsh_options(c.options) + ") ;;\n";
    return script + "esac\n_arguments $options\n";
}

// --- fish

std::string fish_quoted(std::string_view text) {
    return "'" + replaced(replaced(text, '\\', "\\\\"), '\'', "\\'") + "'";
}

std::string fish_options(const program& p, std::span<const option> table, const std::string& when) {
    std::string lines;
    for (const auto& o : table) {
        lines += "complete -c " + p.name + when + " -l " + std::string(o.name);
        if (!o.choices.empty())
            lines += " -x -a " + fish_quoted(choices_of(o));
        else if (o.type == option_type::file)
            lines += " -r -F";
        else if (o.type != option_type::flag)
            lines += " -x";
        lines += " -d " + fish_quoted(o.help) + "\n";
    }
    return lines;
}

std::string fish(const program& p, const std::vector<named_command>& all) {
    auto script = "# Completions of " + p.name + " for fish.\ncomplete -c " + p.name + " -f\n" +
                  fish_options(p, own_options(p), "");
    for (const auto& c : all) {
        if (!p.flat)
            script += "complete -c " + p.name + " -n __fish_use_subcommand -a " + c.name + " -d " +
                      fish_quoted(c.description) + "\n";
        const auto seen = " -n '__fish_seen_subcommand_from " + c.name + "'";
        if (!c.actions.empty())
            script += "complete -c " + p.name + seen + " -a " +
                      fish_quoted(actions_of(c).substr(1)) + "\n";
        script += fish_options(p, c.options, p.flat ? "" : seen);
    }
    return script;
}

} // namespace

std::string completion(const program& p, const plugins& known, std::string_view shell) {
    const auto all = commands_of(p, known);
    if (shell == "bash") return bash(p, all);
    return shell == "zsh" ? zsh(p, all) : fish(p, all);
}

} // namespace host
