#include <istream>
#include <memory>

#include <unistd.h>

#include <oocrpc/bson.hpp>
#include <oocrpc/bson_json.hpp>
#include <oocrpc/bson_parse.hpp>

#include "commands.hpp"
#include "input.hpp"
#include "output.hpp"

namespace oocrpc::cli {
namespace {

constexpr std::size_t most_bytes = 64u << 20; // of one document, BSON or JSON

std::string at_byte(std::size_t offset) {
    return "byte " + std::to_string(offset) + ": ";
}

// Which of several documents an error is about.
std::string of_document(std::size_t number, std::size_t start) {
    return " (document " + std::to_string(number) + ", which begins at byte " +
           std::to_string(start) + ")";
}

// Appends up to `n` bytes; the memory grows with what has come, not with what was announced.
void take(input& in, byte_buffer& out, std::size_t n) {
    constexpr std::size_t block = 65536;
    while (n) {
        const auto wanted = std::min(n, block);
        char bytes[block];
        const auto got = in.sgetn(bytes, static_cast<std::streamsize>(wanted));
        out.append(bytes, static_cast<std::size_t>(got));
        if (static_cast<std::size_t>(got) < wanted) return;
        n -= wanted;
    }
}

// Reads one document; an empty buffer at the end of the input.
byte_buffer read_document(input& in, std::size_t number) {
    const auto start = in.offset();
    const auto where = of_document(number, start);
    byte_buffer document;
    take(in, document, 4);
    if (document.size() == 0) return document;
    if (document.size() < 4)
        throw data_error(at_byte(in.offset()) + "the length of a document is cut off" + where);
    const auto length = bson::value_view{bson::type::int32, document}.as_int32();
    if (length < 5) throw data_error(at_byte(start) + "document length is below 5" + where);
    const auto size = static_cast<std::size_t>(length);
    if (size > most_bytes)
        throw data_error(at_byte(start) + "a document of " + std::to_string(size) +
                         " bytes exceeds " + std::to_string(most_bytes) + where);
    take(in, document, size - 4);
    if (document.size() < size)
        throw data_error(at_byte(in.offset()) + "document is cut off, " +
                         std::to_string(document.size()) + " of " + std::to_string(size) +
                         " bytes are there" + where);
    if (const auto fault = bson::validate(document))
        throw data_error(at_byte(start + fault->offset) + std::string(fault->what) + where);
    return document;
}

exit_code dump(bson::json_mode mode) {
    input in(STDIN_FILENO);
    for (std::size_t number = 1;; ++number) {
        const auto document = read_document(in, number);
        if (document.size() == 0) return exit_code::ok;
        print_line(bson::to_text({bson::type::document, document}, mode));
    }
}

// Whether there is another document; takes the white space before it.
bool skip_space(input& in) {
    for (;;) {
        const auto c = in.sgetc();
        if (c == input::traits_type::eof()) return false;
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return true;
        in.sbumpc();
    }
}

byte_buffer load_document(input& in, std::size_t number) {
    const auto start = in.offset();
    const auto where = of_document(number, start);
    std::istream stream(&in);
    byte_buffer document;
    try {
        bson::put_document(document, bson::parse_next(stream));
    } catch (const bson::syntax_error& e) {
        throw data_error(at_byte(start + e.offset) + e.reason + where);
    } catch (const rpc_error& e) {
        throw data_error(e.detail() + where);
    }
    return document;
}

exit_code load() {
    input in(STDIN_FILENO);
    for (std::size_t number = 1; skip_space(in); ++number) {
        in.limit(most_bytes, "the text of a document");
        const auto document = load_document(in, number);
        print_bytes(document);
        in.lift_limit();
    }
    return exit_code::ok;
}

} // namespace

void add_bson(CLI::App& program, local_command& chosen) {
    auto& sub = *program.add_subcommand("bson", "Turn BSON into JSON and back, on stdin.");
    sub.require_subcommand(1);
    auto& dumping = *sub.add_subcommand("dump", "BSON documents to Extended JSON, a line each.");
    auto mode = std::make_shared<bson::json_mode>(bson::json_mode::relaxed);
    dumping.add_flag_callback(
        "--canonical", [=] { *mode = bson::json_mode::canonical; },
        "keep the type of every number and date");
    dumping.callback([=, &chosen] { chosen = [=] { return dump(*mode); }; });
    auto& loading = *sub.add_subcommand("load", "Extended JSON documents to BSON.");
    loading.footer("Both forms are read, relaxed and canonical, with any white space between\n"
                   "the documents.");
    loading.callback([&chosen] { chosen = load; });
    sub.footer("stdin to stdout, one document after another; one has at most 64 MiB. Bad input is\n"
               "exit code 65, after all documents before it, and a message with the offset in\n"
               "bytes or, where JSON makes no document, the path of the value.");
}

} // namespace oocrpc::cli
