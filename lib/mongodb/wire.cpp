#include "wire.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "crc32c.hpp"
#include "wire_reader.hpp"

namespace oocrpc::mongodb {
namespace {

constexpr std::array<std::pair<opcode, std::string_view>, 10> names{{
    {opcode::reply, "OP_REPLY"},
    {opcode::old_msg, "old OP_MSG"},
    {opcode::update, "OP_UPDATE"},
    {opcode::insert, "OP_INSERT"},
    {opcode::query, "OP_QUERY"},
    {opcode::get_more, "OP_GET_MORE"},
    {opcode::remove, "OP_DELETE"},
    {opcode::kill_cursors, "OP_KILL_CURSORS"},
    {opcode::compressed, "OP_COMPRESSED"},
    {opcode::msg, "OP_MSG"},
}};

constexpr std::uint32_t required_flags = 0xffff;
constexpr std::uint32_t known_flags = op_msg::checksum_present | op_msg::more_to_come;
constexpr std::size_t checksum_size = 4;
// Commands have two at most; with more, looking for a name that repeats would take its time.
constexpr std::size_t most_sections = 16; // commands have two at most
constexpr std::int32_t known_query_flags = 0xfe;

bool check_name(wire_reader& r, std::string_view name, const op_msg& m) {
    const auto same = [name](const section& s) { return s.name == name; };
    if (m.sections.size() == most_sections) return r.fail("more than 16 sections");
    if (std::ranges::any_of(m.sections, same))
        return r.fail("two sections are named " + quoted(name));
    return true;
}

bool read_section(wire_reader& r, op_msg& m) {
    const auto start = r.at();
    const auto room = r.left();
    std::int32_t size = 0;
    section s;
    if (!r.number(size, "section size")) return false;
    if (size < 5) return r.fail("section size is below 5", start);
    if (static_cast<std::size_t>(size) > room)
        return r.fail("section size exceeds its message", start);
    const auto end = start + static_cast<std::size_t>(size);
    if (!r.text(s.name, "section name")) return false;
    if (r.at() > end) return r.fail("section name exceeds its section", start);
    if (!check_name(r, s.name, m)) return false;
    if (!r.document_run(end, s.documents, s.count)) return false;
    m.sections.push_back(s);
    return true;
}

bool check_sum(wire_reader& r, bytes message) {
    if (r.left() < checksum_size) return r.fail("checksum is cut off");
    const auto covered = message.first(message.size() - checksum_size);
    const auto sum = detail::load_le<std::uint32_t>(covered.data() + covered.size());
    if (crc32c(covered) != sum) return r.fail("checksum is wrong", covered.size());
    r.shorten(checksum_size);
    return true;
}

bool read_sections(wire_reader& r, op_msg& m, element_reader* body) {
    while (r.left() > 0) {
        std::uint8_t kind = 0;
        r.number(kind, "section");
        if (kind == 1) {
            if (!read_section(r, m)) return false;
        } else if (kind != 0) {
            return r.fail("unknown section kind " + std::to_string(kind), r.at() - 1);
        } else if (!m.body.empty()) {
            return r.fail("two sections of kind 0", r.at() - 1);
        } else if (body ? !r.document(m.body, *body) : !r.document(m.body)) {
            return false;
        }
    }
    if (m.body.empty()) return r.fail("no section of kind 0");
    for (const auto& s : m.sections)
        if (bson::find(m.body, s.name))
            return r.fail(quoted(s.name) + " is both in the body and a section");
    return true;
}

bool read(wire_reader& r, bytes message, op_msg& m, element_reader* body) {
    m.body = {};
    m.sections.clear();
    if (!r.number(m.flags, "flags")) return false;
    if (m.flags & required_flags & ~known_flags)
        return r.fail("unknown required flags " + std::to_string(m.flags), header_size);
    if (m.flags & op_msg::checksum_present && !check_sum(r, message)) return false;
    return read_sections(r, m, body);
}

bool read(wire_reader& r, op_query& m) {
    m.fields = {};
    if (!r.number(m.flags, "flags")) return false;
    if (m.flags & ~known_query_flags)
        return r.fail("unknown flags " + std::to_string(m.flags), header_size);
    return r.text(m.name, "collection name") && r.number(m.skip, "numberToSkip") &&
           r.number(m.wanted, "numberToReturn") && r.document(m.query) &&
           (r.left() == 0 || r.document(m.fields)) && r.end();
}

bool read(wire_reader& r, op_reply& m) {
    std::size_t found = 0;
    if (!r.number(m.flags, "flags") || !r.number(m.cursor, "cursorID") ||
        !r.number(m.starting_from, "startingFrom") || !r.number(m.count, "numberReturned"))
        return false;
    if (!r.document_run(r.at() + r.left(), m.documents, found)) return false;
    return m.count >= 0 && found == static_cast<std::size_t>(m.count)
               ? true
               : r.fail("numberReturned is " + std::to_string(m.count) + ", but there are " +
                            std::to_string(found) + " documents",
                        header_size + 16);
}

bool read(wire_reader& r, op_get_more& m) {
    std::int32_t zero = 0;
    return r.number(zero, "reserved number") && r.text(m.name, "collection name") &&
           r.number(m.wanted, "numberToReturn") && r.number(m.cursor, "cursorID") && r.end();
}

bool read(wire_reader& r, op_kill_cursors& m) {
    std::int32_t zero = 0, count = 0;
    if (!r.number(zero, "reserved number") || !r.number(count, "numberOfCursorIDs")) return false;
    if (count < 0 || r.left() != 8 * static_cast<std::size_t>(count))
        return r.fail("numberOfCursorIDs does not match the message", header_size + 4);
    m.ids = r.rest();
    return true;
}

bool read(wire_reader& r, op_insert& m) {
    if (!r.number(m.flags, "flags") || !r.text(m.name, "collection name")) return false;
    if (r.left() == 0) return r.fail("no document");
    return r.document_run(r.at() + r.left(), m.documents, m.count);
}

bool read(wire_reader& r, op_update& m) {
    std::int32_t zero = 0;
    return r.number(zero, "reserved number") && r.text(m.name, "collection name") &&
           r.number(m.flags, "flags") && r.document(m.selector) && r.document(m.update) && r.end();
}

bool read(wire_reader& r, op_delete& m) {
    std::int32_t zero = 0;
    return r.number(zero, "reserved number") && r.text(m.name, "collection name") &&
           r.number(m.flags, "flags") && r.document(m.selector) && r.end();
}

bool read(wire_reader& r, op_compressed& m) {
    if (!r.number(m.operation, "originalOpcode") || !r.number(m.size, "uncompressedSize") ||
        !r.number(m.compressor, "compressorId"))
        return false;
    m.data = r.rest();
    return true;
}

template <class T>
std::string parse_as(opcode op, bytes message, T& out, document_limits each = {}) {
    wire_reader r(message, op, each);
    read(r, out);
    return std::move(r.fault);
}

} // namespace

bool is_known(opcode op) noexcept {
    return op == opcode::msg || !to_string(op).empty();
}

std::string_view to_string(opcode op) noexcept {
    for (const auto& [known, name] : names)
        if (known == op) return name;
    return {};
}

header read_header(bytes message) noexcept {
    const auto at = [&](std::size_t i) {
        return detail::load_le<std::int32_t>(message.data() + 4 * i);
    };
    return {at(0), at(1), at(2), static_cast<opcode>(at(3))};
}

std::string quoted(std::string_view text) {
    constexpr std::size_t most = 100;
    if (text.size() > most) return "(a text of " + std::to_string(text.size()) + " bytes)";
    return "'" + std::string(text) + "'";
}

std::string parse(bytes message, op_msg& out, document_limits each) {
    wire_reader r(message, opcode::msg, each);
    read(r, message, out, nullptr);
    out.too_many = r.too_many;
    return std::move(r.fault);
}
std::string parse(bytes message, op_msg& out, document_limits each, element_reader& body) {
    wire_reader r(message, opcode::msg, each);
    read(r, message, out, &body);
    out.too_many = r.too_many;
    return std::move(r.fault);
}
std::string parse(bytes message, op_query& out, document_limits each) {
    return parse_as(opcode::query, message, out, each);
}
std::string parse(bytes message, op_reply& out, document_limits each) {
    return parse_as(opcode::reply, message, out, each);
}
std::string parse(bytes message, op_get_more& out) {
    return parse_as(opcode::get_more, message, out);
}
std::string parse(bytes message, op_kill_cursors& out) {
    return parse_as(opcode::kill_cursors, message, out);
}
std::string parse(bytes message, op_insert& out, document_limits each) {
    return parse_as(opcode::insert, message, out, each);
}
std::string parse(bytes message, op_update& out, document_limits each) {
    return parse_as(opcode::update, message, out, each);
}
std::string parse(bytes message, op_delete& out, document_limits each) {
    return parse_as(opcode::remove, message, out, each);
}
std::string parse(bytes message, old_msg& out) {
    wire_reader r(message, opcode::old_msg, 0);
    if (r.text(out.text, "text")) r.end();
    return std::move(r.fault);
}
std::string parse(bytes message, op_compressed& out) {
    return parse_as(opcode::compressed, message, out);
}

} // namespace oocrpc::mongodb
