#include "handshake.hpp"

#include <algorithm>

#include <sys/utsname.h>

#include <oocrpc/bson_value.hpp>
#include <oocrpc/version.hpp>

#include "values.hpp"

namespace oocrpc::mongodb {
namespace {

// OP_MSG came with 6, and is all that is spoken here; above 25 the rules may be others.
constexpr std::int64_t least_wire_version = 6;
constexpr std::int64_t most_wire_version = 25;

#if defined(__clang__)
constexpr std::string_view compiler = "clang " __clang_version__;
#else
constexpr std::string_view compiler = "g++ " __VERSION__;
#endif

void add_client(bson::document_writer& doc, const mongodb_client_options& options) {
    utsname system{};
    const bool known = ::uname(&system) == 0;
    bson::document_writer client(doc, "client");
    if (!options.application.empty()) {
        bson::document_writer application(client, "application");
        application.add("name", options.application);
        application.finish();
    }
    bson::document_writer driver(client, "driver");
    driver.add("name", std::string_view("oocrpc"));
    driver.add("version", version);
    driver.finish();
    bson::document_writer os(client, "os");
    os.add("type", std::string_view(known ? system.sysname : "unknown"));
    if (known) os.add("architecture", std::string_view(system.machine));
    os.finish();
    // The whole is limited to 512 bytes.
    client.add("platform", "C++20, " + std::string(compiler.substr(0, 100)));
    client.finish();
}

void write_command(std::string_view name, const mongodb_client_options& options,
                   login_conversation* login, bool with_database, byte_buffer& out) {
    bson::document_writer doc(out);
    doc.add(name, std::int32_t{1});
    doc.add("helloOk", true);
    add_client(doc, options);
    if (!options.compressors.empty()) {
        bson::array_writer all(doc, "compression");
        for (const auto& name_of : options.compressors) all.add(name_of);
        all.finish();
    }
    doc.add("backpressure", std::string_view("2"));
    if (login) login->add_to_hello(doc);
    if (with_database) doc.add("$db", std::string_view("admin"));
    doc.finish();
}

/// A number of any type above 0, else what was there.
void read_size(bytes reply, std::string_view name, std::size_t& out) {
    const auto found = bson::find(reply, name);
    const auto n = found ? lenient_integer(*found) : std::nullopt;
    if (n && *n > 0) out = static_cast<std::size_t>(*n);
}

std::int64_t read_version(bytes reply, std::string_view name) {
    const auto found = bson::find(reply, name);
    return found ? lenient_integer(*found).value_or(0) : 0;
}

/// The first compressor of our own list that the server has listed.
std::optional<compressor> agree(bytes reply, const mongodb_client_options& options) {
    const auto theirs = bson::find(reply, "compression");
    if (!theirs || theirs->t != bson::type::array) return std::nullopt;
    for (const auto& name : options.compressors)
        for (const auto& e : bson::elements(theirs->as_document()))
            if (e.value.t == bson::type::string && e.value.as_string() == name)
                return compressor_from(name);
    return std::nullopt;
}

} // namespace

void write_hello(const mongodb_client_options& options, login_conversation* login,
                 std::int32_t request_id, byte_buffer& out) {
    const auto start = begin_msg(out, 0, request_id);
    write_command("hello", options, login, true, out);
    end_message(out, start);
}

void write_is_master(const mongodb_client_options& options, login_conversation* login,
                     std::int32_t request_id, byte_buffer& out) {
    byte_buffer document;
    write_command("isMaster", options, login, false, document);
    op_query q;
    q.flags = 1 << 2; // SlaveOk: any server may answer
    q.name = "admin.$cmd";
    q.wanted = -1;
    q.query = document;
    put(out, q, request_id);
}

std::string read_hello(bytes reply, const mongodb_client_options& options, server_facts& out) {
    const auto least = read_version(reply, "minWireVersion");
    const auto most = read_version(reply, "maxWireVersion");
    if (most < least_wire_version || least > most_wire_version)
        return "a hello with wire versions " + std::to_string(least) + " to " +
               std::to_string(most) + ", while this client speaks " +
               std::to_string(least_wire_version) + " to " + std::to_string(most_wire_version);
    read_size(reply, "maxBsonObjectSize", out.max_document);
    read_size(reply, "maxMessageSizeBytes", out.max_message);
    read_size(reply, "maxWriteBatchSize", out.max_batch);
    out.compression = agree(reply, options);
    const auto own = bson::find(reply, "oocrpc");
    out.ours = own && own->t == bson::type::document;
    return {};
}

} // namespace oocrpc::mongodb
