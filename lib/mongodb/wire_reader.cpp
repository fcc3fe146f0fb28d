#include "wire_reader.hpp"

#include <cstring>

#include "bson_validator.hpp"

namespace oocrpc::mongodb {

bool wire_reader::fail(std::string_view what, std::size_t at) {
    fault.assign(to_string(operation_))
        .append(": offset ")
        .append(std::to_string(at))
        .append(": ")
        .append(what);
    return false;
}

bool wire_reader::text(std::string_view& out, std::string_view what) {
    const auto* from = all_.data() + at_;
    const auto* nul =
        left() ? static_cast<const std::uint8_t*>(std::memchr(from, 0, left())) : nullptr;
    if (!nul) return fail(std::string(what) + " is not terminated");
    out = {reinterpret_cast<const char*>(from), static_cast<std::size_t>(nul - from)};
    if (!bson::is_utf8(out)) return fail(std::string(what) + " is not UTF-8");
    at_ += out.size() + 1;
    return true;
}

/// What claims to be a document, not looked at but for its length.
bool wire_reader::framed(bytes& out) {
    if (left() < 5) return fail("document is cut off");
    const auto length = detail::load_le<std::int32_t>(all_.data() + at_);
    if (length < 5) return fail("document length is below 5");
    if (static_cast<std::size_t>(length) > left())
        return fail("document length exceeds its message");
    out = all_.subspan(at_, static_cast<std::size_t>(length));
    return true;
}

bool wire_reader::document(bytes& out) {
    if (!framed(out)) return false;
    if (const auto wrong = bson::validate(out, limits_.depth, limits_.elements))
        return fail(wrong->what, at_ + wrong->offset);
    at_ += out.size();
    return true;
}

bool wire_reader::document(bytes& out, element_reader& each) {
    if (!framed(out)) return false;
    bson::validator reading(out, limits_.depth, limits_.elements);
    if (reading.begin()) {
        bson::element e;
        while (reading.next(e)) each.read(e);
    }
    if (const auto* wrong = reading.found()) return fail(wrong->what, at_ + wrong->offset);
    at_ += out.size();
    return true;
}

bool wire_reader::document_run(std::size_t to, bytes& out, std::size_t& count) {
    const auto from = at_;
    const auto outer = end_;
    end_ = to;
    for (count = 0; left() > 0; ++count) {
        if (documents_ == limits_.documents) {
            too_many = true;
            return fail("more than " + std::to_string(documents_) + " documents");
        }
        ++documents_;
        if (bytes one; !document(one)) return false;
    }
    end_ = outer;
    out = all_.subspan(from, to - from);
    return true;
}

} // namespace oocrpc::mongodb
