#include "fuzz.hpp"

#include <oocrpc/bson_json.hpp>
#include <oocrpc/bson_parse.hpp>

namespace fuzz {

namespace bson_ = oocrpc::bson;

namespace {

oocrpc::byte_buffer document_of(std::string_view text) {
    oocrpc::byte_buffer out;
    bson_::put_document(out, bson_::parse(text));
    return out;
}

bool same(oocrpc::bytes a, oocrpc::bytes b) {
    return std::ranges::equal(a, b);
}

} // namespace

void extended_json(oocrpc::bytes data) {
    oocrpc::byte_buffer document;
    try {
        document = document_of(text_of(data));
    } catch (const oocrpc::rpc_error&) {
        return;
    }
    require(!bson_::validate(document), "what is written is valid");
    const bson_::value_view all{bson_::type::document, document};
    bson_::to_text(all);
    const auto text = bson_::to_text(all, bson_::json_mode::canonical);
    try {
        require(same(document_of(text), document), "canonical text is read back as the same bytes");
    } catch (const oocrpc::rpc_error&) {
        // Its own keys may look like a wrapper's, which only the outermost document's are not.
        require(text.find("\"$") != text.npos, "only wrappers are refused");
    }
}

} // namespace fuzz
