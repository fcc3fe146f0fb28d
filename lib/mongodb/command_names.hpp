#pragma once

#include <string>
#include <string_view>

#include <oocrpc/bson.hpp>

namespace oocrpc::mongodb {

/// The collection that stands for a database's commands.
inline constexpr std::string_view command_collection = "$cmd";
/// `database.$cmd`
std::string commands_of(std::string_view database);

/// `database.name`, taken apart at the first dot.
struct name_parts {
    std::string_view database;
    std::string_view name;
};
/// Views into `full`; without a dot it is all name, in the database `by_default`.
name_parts split_name(std::string_view full, std::string_view by_default = {}) noexcept;

/// True for the names, in any case of letters, that the server answers itself on every database
/// (PROTOCOL 2.1), so that no service can have a method of that name.
bool is_command_name(std::string_view name) noexcept;

/// The command of MongoDB's own that a document whose first key is `name`, with a value of type
/// `t`, stands for: its name in lower case, which lives for ever; empty for a call of a method.
///
/// `find`, `insert` and `aggregate` are commands where the value names a collection, and methods
/// where it holds arguments.
std::string_view own_command(std::string_view name, bson::type t) noexcept;

/// True for the handshake and authentication, whose messages are never compressed; `command` is
/// a name that own_command() returned.
bool never_compressed(std::string_view command) noexcept;

/// True for keys of a command that are no arguments, such as `lsid` and all that begin with `$`.
bool is_generic_key(std::string_view key) noexcept;

} // namespace oocrpc::mongodb
