// Every message that sixteen versions of drivers were seen to send (captures/README.md).

#include "support/mongodb.hpp"
#include "support/test.hpp"

#include "../lib/mongodb/compression.hpp"
#include "captures_path.hpp"

#include <oocrpc/mongodb_server_codec.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

using namespace oocrpc;
using namespace oocrpc::mongodb;
namespace t = oocrpc::test::mongodb;

namespace {

struct capture {
    std::string file;
    int connection;
    std::string data;
};

std::string from_hex(const std::string& hex) {
    std::string out;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        out.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    return out;
}
std::vector<capture> captures() {
    std::set<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(captures_path))
        if (entry.path().extension() == ".jsonl") files.insert(entry.path());
    std::vector<capture> all;
    for (const auto& file : files) {
        std::ifstream in(file);
        for (std::string line; std::getline(in, line);) {
            const auto j = json::parse(line);
            all.push_back({file.filename(), j["conn"], from_hex(j["hex"])});
        }
    }
    return all;
}

template <class T> void parses(bytes message) {
    T m;
    CHECK(parse(message, m) == "");
}
template <class T> void writes_back(bytes message) {
    T m;
    REQUIRE(parse(message, m) == "");
    byte_buffer out;
    put(out, m, read_header(message).request_id);
    CHECK(t::text(out) == t::text(message));
}
void check(bytes message) {
    switch (read_header(message).operation) {
    case opcode::msg:
        return writes_back<op_msg>(message);
    case opcode::query:
        return writes_back<op_query>(message);
    case opcode::get_more:
        return writes_back<op_get_more>(message);
    case opcode::kill_cursors:
        return writes_back<op_kill_cursors>(message);
    case opcode::insert:
        return parses<op_insert>(message);
    case opcode::update:
        return parses<op_update>(message);
    case opcode::remove:
        return parses<op_delete>(message);
    default:
        FAIL("unexpected operation");
    }
}

} // namespace

TEST_SUITE("mongodb_captures") {

TEST_CASE("all captured messages parse, and what is ours to write comes out byte for byte") {
    const auto all = captures();
    CHECK(all.size() == 282);
    for (const auto& c : all) {
        CAPTURE(c.file);
        const auto message = t::view(c.data);
        if (read_header(message).operation != opcode::compressed) {
            check(message);
            continue;
        }
        byte_buffer inside;
        compressor used{};
        REQUIRE(unpack(message, largest_message, inside, used) == "");
        check(inside);
        // Packed again by ourselves it holds the same.
        const auto before = t::text(inside);
        pack(inside, 0, used);
        byte_buffer again;
        REQUIRE(unpack(inside, largest_message, again, used) == "");
        CHECK(t::text(again) == before);
    }
}

TEST_CASE("the server understands all captured messages, a connection's one after the other") {
    std::map<std::pair<std::string, int>, std::unique_ptr<mongodb_server_codec>> connections;
    std::size_t calls = 0, ignored = 0;
    for (const auto& c : captures()) {
        CAPTURE(c.file);
        auto& codec = connections[{c.file, c.connection}];
        if (!codec) codec = std::make_unique<mongodb_server_codec>();
        message m;
        const auto d = codec->decode(t::view(c.data), m);
        CHECK(d.reason == "");
        REQUIRE(d.what == decoded::state::message);
        CHECK(d.size == c.data.size());
        m.kind == message_kind::call ? ++calls : ++ignored;
        if (m.kind != message_kind::call) continue;
        CHECK(m.oneway == (m.id == 0));
        if (m.raw) REQUIRE(m.body.t == bson::type::document);
        if (present(m.body) && m.body.t == bson::type::document)
            CHECK(!bson::validate(m.body.as_document()));
    }
    CHECK(ignored == 2); // OP_UPDATE and OP_DELETE
    CHECK(calls == 280);
}

} // TEST_SUITE("mongodb_captures")
