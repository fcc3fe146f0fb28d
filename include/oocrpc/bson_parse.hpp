#pragma once

// JSON text to the dynamic value, without what a tree of unique keys would lose.

#include <oocrpc/error.hpp>
#include <oocrpc/value.hpp>

#include <cstddef>
#include <iosfwd>
#include <string>
#include <string_view>

namespace oocrpc::bson {

/// The text is no JSON; an rpc_error(invalid_argument) whose detail says where and why.
struct syntax_error : rpc_error {
    syntax_error(std::size_t offset, const std::string& reason);

    std::size_t offset; ///< of the first byte that does not fit, from where reading began
    std::string reason; ///< one line, without the offset
};

/// Reads one JSON value and stops behind its last character, so that the next one can follow.
///
/// Keys keep their order, and those that come twice stay both. An integer outside of int64 becomes
/// a double, as the Extended JSON specification wants it. Extended JSON wrappers stay what they
/// are; put() turns them into BSON. Throws syntax_error, and what the buffer of `in` throws. Needs
/// no recursion; the caller bounds the text, whose tree takes up to 20 times its bytes.
json parse_next(std::istream& in);

/// The one value that `text` is; anything but white space behind it is a syntax_error.
json parse(std::string_view text);

} // namespace oocrpc::bson
