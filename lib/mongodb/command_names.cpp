#include "command_names.hpp"

#include <algorithm>
#include <array>

namespace oocrpc::mongodb {
namespace {

constexpr std::array<std::string_view, 33> own{
    "hello",
    "ismaster",
    "getnonce",
    "ping",
    "buildinfo",
    "getparameter",
    "getcmdlineopts",
    "hostinfo",
    "connectionstatus",
    "whatsmyuri",
    "getlog",
    "listdatabases",
    "listcollections",
    "listcommands",
    "currentop",
    "killop",
    "getmore",
    "killcursors",
    "endsessions",
    "refreshsessions",
    "startsession",
    "aborttransaction",
    "committransaction",
    "saslstart",
    "saslcontinue",
    "authenticate",
    "logout",
    "serverstatus",
    "getfreemonitoringstatus",
    "atlasversion",
    // With the value of a collection's name only.
    "find",
    "insert",
    "aggregate",
};
constexpr std::size_t on_collections = 30;

constexpr std::array<std::string_view, 12> generic{"lsid",
                                                   "txnNumber",
                                                   "maxTimeMS",
                                                   "comment",
                                                   "readConcern",
                                                   "writeConcern",
                                                   "apiVersion",
                                                   "apiStrict",
                                                   "apiDeprecationErrors",
                                                   "maxTimeMSOpOnly",
                                                   "autocommit",
                                                   "startTransaction"};

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}
constexpr bool is_letter(char c) noexcept {
    return c >= 'a' && c <= 'z';
}

// For each first letter, which lengths the names have that begin with it: nearly every method is
// told from them by this alone.
using shapes = std::array<std::uint32_t, 26>;
template <class Names> constexpr shapes shapes_of(const Names& names) {
    shapes s{};
    for (const auto n : names) s[static_cast<std::size_t>(n[0] - 'a')] |= 1u << n.size();
    return s;
}
constexpr shapes own_shapes = shapes_of(own);
constexpr shapes generic_shapes = shapes_of(generic);

bool may_be(const shapes& s, std::string_view name) noexcept {
    if (name.empty() || name.size() > 31) return false;
    const auto first = lower(name[0]);
    return is_letter(first) && s[static_cast<std::size_t>(first - 'a')] >> name.size() & 1;
}

std::size_t index_of(std::string_view name) noexcept {
    if (!may_be(own_shapes, name)) return own.size();
    const auto same = [name](std::string_view known) {
        return std::ranges::equal(name, known, {}, lower);
    };
    return static_cast<std::size_t>(std::ranges::find_if(own, same) - own.begin());
}

bool is_number(bson::type t) noexcept {
    return t == bson::type::int32 || t == bson::type::int64 || t == bson::type::float64;
}

} // namespace

std::string commands_of(std::string_view database) {
    return std::string(database).append(1, '.').append(command_collection);
}

name_parts split_name(std::string_view full, std::string_view by_default) noexcept {
    const auto dot = full.find('.');
    if (dot == full.npos) return {by_default, full};
    return {full.substr(0, dot), full.substr(dot + 1)};
}

bool is_command_name(std::string_view name) noexcept {
    return index_of(name) < on_collections;
}

std::string_view own_command(std::string_view name, bson::type t) noexcept {
    const auto i = index_of(name);
    if (i == own.size()) return {};
    if (i < on_collections || t == bson::type::string) return own[i];
    return own[i] == "aggregate" && is_number(t) ? own[i] : std::string_view{};
}

bool never_compressed(std::string_view command) noexcept {
    return command == "hello" || command == "ismaster" || command == "saslstart" ||
           command == "saslcontinue" || command == "getnonce" || command == "authenticate";
}

bool is_generic_key(std::string_view key) noexcept {
    if (key.starts_with('$')) return true;
    return may_be(generic_shapes, key) && std::ranges::find(generic, key) != generic.end();
}

} // namespace oocrpc::mongodb
