#pragma once

#include <string>
#include <string_view>

#include <oocrpc/bson_value.hpp>
#include <oocrpc/error.hpp>

namespace oocrpc::detail {

/// Reads a value into `out` or throws `invalid_argument` that names `what` and the path.
template <class T> void read_value(bson::value_view v, T& out, std::string_view what) {
    bson::read_error e;
    if (!bson::get(v, out, e))
        throw rpc_error(errc::invalid_argument, std::string(what) + ": " + e.text());
}
template <class T> T read_value(bson::value_view v, std::string_view what) {
    T out{};
    read_value(v, out, what);
    return out;
}

} // namespace oocrpc::detail
