#include <oocrpc/bson_value.hpp>
#include <oocrpc/error.hpp>

#include <cstdio>

namespace oocrpc::bson {

std::string read_error::text() const {
    auto where = path.empty() ? "" : path + ": ";
    if (got == "missing") return where + "missing, expected " + expected;
    return where + "expected " + expected + ", got " + got;
}

bool read_error::fail(std::string_view what, std::string_view found) {
    path.clear();
    expected = what;
    got = found;
    return false;
}

bool read_error::in(std::string_view key) {
    if (!path.empty() && path.front() != '[') path.insert(0, 1, '.');
    path.insert(0, key);
    return false;
}

bool read_error::in(std::size_t index) {
    if (!path.empty() && path.front() != '[') path.insert(0, 1, '.');
    path.insert(0, "[" + std::to_string(index) + "]");
    return false;
}

namespace detail {
namespace {

constexpr std::size_t most_bytes = 0x7fffffff;

std::string with_number(value_view v) {
    auto n = v.t == type::int32 ? v.as_int32() : v.as_int64();
    return std::string(to_string(v.t)) + " " + std::to_string(n);
}

} // namespace

void append_string(byte_buffer& out, std::string_view text) {
    if (text.size() >= most_bytes) throw rpc_error(errc::message_too_large, "a string of 2 GiB");
    // One bad string would cost the whole connection at the other end.
    if (!is_utf8(text)) throw rpc_error(errc::invalid_argument, "a string is not UTF-8");
    auto* at = out.grow(text.size() + 5);
    store_le(at, static_cast<std::uint32_t>(text.size() + 1));
    if (!text.empty()) std::memcpy(at + 4, text.data(), text.size());
    at[text.size() + 4] = 0;
}

void append_binary(byte_buffer& out, std::uint8_t subtype, bytes data) {
    if (data.size() >= most_bytes - 4)
        throw rpc_error(errc::message_too_large, "a binary of 2 GiB");
    auto size = static_cast<std::uint32_t>(data.size());
    append_le(out, subtype == 2 ? size + 4 : size);
    out.push_back(subtype);
    if (subtype == 2) append_le(out, size); // the old form repeats its length
    out.append(data);
}

void throw_unsigned_too_large(std::uint64_t v) {
    throw rpc_error(errc::invalid_argument, std::to_string(v) + " exceeds int64");
}

bool fail_type(read_error& e, std::string_view expected, value_view v) {
    return e.fail(expected, to_string(v.t));
}

bool fail_range(read_error& e, std::string expected, std::string least, std::string most,
                value_view v) {
    return e.fail(expected + " (" + least + " to " + most + ")", with_number(v));
}

bool fail_float(read_error& e, double got) {
    char text[32];
    std::snprintf(text, sizeof text, "double %g", got);
    return e.fail("float", text);
}

bool fail_count(read_error& e, std::string_view what, std::size_t expected, std::size_t got) {
    std::string of(what);
    of += " of ";
    return e.fail(of + std::to_string(expected), of + std::to_string(got));
}

bool read_real(value_view v, double& out, read_error& e) {
    if (v.t == type::float64) {
        out = v.as_double();
        return true;
    }
    if (v.t != type::int32 && v.t != type::int64) return fail_type(e, "double", v);
    auto n = v.t == type::int32 ? v.as_int32() : v.as_int64();
    out = static_cast<double>(n);
    // 2^63 itself is what the largest int64 rounds to, and does not go back.
    if (out < 0x1p63 && static_cast<std::int64_t>(out) == n) return true;
    return e.fail("double", with_number(v) + ", which has no exact double");
}

} // namespace detail
} // namespace oocrpc::bson
