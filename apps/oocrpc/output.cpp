#include "output.hpp"

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

#include <oocrpc/bson_json.hpp>
#include <oocrpc/bson_parse.hpp>

namespace oocrpc::cli {

namespace {

void print(const void* data, std::size_t size) {
    if (std::fwrite(data, 1, size, stdout) == size && !std::fflush(stdout)) return;
    if (errno == EPIPE) throw output_closed();
    throw std::system_error(errno, std::generic_category(), "stdout");
}

} // namespace

void print_line(std::string_view text) {
    std::string line(text);
    line += '\n';
    print(line.data(), line.size());
}

void print_bytes(bytes data) {
    print(data.data(), data.size());
}

void print_value(bson::value_view v, layout how) {
    auto text = bson::to_text(v);
    // The text has all that JSON lacks as Extended JSON, which the indented form needs as well.
    if (how == layout::indented && (v.t == bson::type::document || v.t == bson::type::array))
        text = bson::parse(text).dump(2);
    print_line(text);
}

} // namespace oocrpc::cli
