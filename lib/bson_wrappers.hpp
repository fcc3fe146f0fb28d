#pragma once

// The type wrappers of Extended JSON, from JSON to the bytes that they stand for.

#include <oocrpc/bson.hpp>
#include <oocrpc/value.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace oocrpc::bson {

// Where a value stands: a list through the stack frames, so that a path costs nothing until an
// error needs it.
struct place {
    const place* outer = nullptr;
    const std::string* key = nullptr;
    std::size_t index = 0;
    std::size_t depth = 1; // of a document at this place
};

/// Throws rpc_error(invalid_argument) with the path and the reason.
[[noreturn]] void fail(const place& at, std::string reason);

/// The text of a string; another value is an error that names the wrapper.
const std::string& text_of(const json& v, const place& at, const char* wrapper);

/// Appends a string, which has to be UTF-8.
void append_text(byte_buffer& out, std::string_view text, const place& at);

/// The members of an object that has to have exactly these two, in any order.
std::pair<const json*, const json*> two_of(const json& v, const char* first, const char* second,
                                           const place& at, const char* wrapper);

/// A wrapper of one key: appends what its content stands for, and returns the type.
struct wrapper {
    std::string_view key;
    type (*put)(byte_buffer& out, const json& content, const place& at);
};

/// The wrapper that has this key, or null.
const wrapper* wrapper_of(std::string_view key);

} // namespace oocrpc::bson
