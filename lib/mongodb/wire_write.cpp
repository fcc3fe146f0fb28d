// Writing of what wire.hpp declares.

#include <oocrpc/error.hpp>

#include "wire.hpp"

namespace oocrpc::mongodb {
namespace {

template <class T> void append(byte_buffer& out, T v) {
    detail::store_le(out.grow(sizeof v), v);
}

void append_name(byte_buffer& out, std::string_view name) {
    if (name.find('\0') != name.npos || !bson::is_utf8(name))
        throw rpc_error(errc::invalid_argument, "a name holds NUL or is not UTF-8");
    out.append(name);
    out.push_back(0);
}

void store_size(byte_buffer& out, std::size_t start) {
    detail::store_le(out.data() + start, static_cast<std::uint32_t>(out.size() - start));
}

/// All of a header but the length.
void store_header(std::uint8_t* at, opcode op, std::int32_t request_id, std::int32_t response_to) {
    detail::store_le(at + 4, request_id);
    detail::store_le(at + 8, response_to);
    detail::store_le(at + 12, static_cast<std::int32_t>(op));
}

} // namespace

std::size_t begin_message(byte_buffer& out, opcode op, std::int32_t request_id,
                          std::int32_t response_to) {
    const auto start = out.size();
    store_header(out.grow(header_size), op, request_id, response_to);
    return start;
}

void end_message(byte_buffer& out, std::size_t start) {
    store_size(out, start);
}

std::size_t begin_msg(byte_buffer& out, std::uint32_t flags, std::int32_t request_id,
                      std::int32_t response_to) {
    const auto start = out.size();
    auto* at = out.grow(header_size + 5);
    store_header(at, opcode::msg, request_id, response_to);
    detail::store_le(at + header_size, flags & ~op_msg::checksum_present);
    at[header_size + 4] = 0; // the kind of the first section
    return start;
}

std::size_t begin_section(byte_buffer& out, std::string_view name) {
    out.push_back(1);
    const auto start = out.size();
    append(out, std::int32_t{0});
    append_name(out, name);
    return start;
}

void end_section(byte_buffer& out, std::size_t start) {
    store_size(out, start);
}

std::size_t begin_reply(byte_buffer& out, const op_reply& fields, std::int32_t request_id,
                        std::int32_t response_to) {
    const auto start = begin_message(out, opcode::reply, request_id, response_to);
    append(out, fields.flags);
    append(out, fields.cursor);
    append(out, fields.starting_from);
    append(out, fields.count);
    return start;
}

void put(byte_buffer& out, const op_msg& m, std::int32_t request_id, std::int32_t response_to) {
    const auto start = begin_msg(out, m.flags, request_id, response_to);
    out.append(m.body);
    for (const auto& s : m.sections) {
        const auto at = begin_section(out, s.name);
        out.append(s.documents);
        end_section(out, at);
    }
    end_message(out, start);
}

void put(byte_buffer& out, const op_query& m, std::int32_t request_id) {
    const auto start = begin_message(out, opcode::query, request_id);
    append(out, m.flags);
    append_name(out, m.name);
    append(out, m.skip);
    append(out, m.wanted);
    out.append(m.query);
    out.append(m.fields);
    end_message(out, start);
}

void put(byte_buffer& out, const op_reply& m, std::int32_t request_id, std::int32_t response_to) {
    const auto start = begin_reply(out, m, request_id, response_to);
    out.append(m.documents);
    end_message(out, start);
}

void put(byte_buffer& out, const op_get_more& m, std::int32_t request_id) {
    const auto start = begin_message(out, opcode::get_more, request_id);
    append(out, std::int32_t{0});
    append_name(out, m.name);
    append(out, m.wanted);
    append(out, m.cursor);
    end_message(out, start);
}

void put(byte_buffer& out, const op_kill_cursors& m, std::int32_t request_id) {
    const auto start = begin_message(out, opcode::kill_cursors, request_id);
    append(out, std::int32_t{0});
    append(out, static_cast<std::int32_t>(m.count()));
    out.append(m.ids);
    end_message(out, start);
}

} // namespace oocrpc::mongodb
