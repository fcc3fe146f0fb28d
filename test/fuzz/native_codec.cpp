#include "codec.hpp"

#include <oocrpc/native_codec.hpp>

namespace fuzz {
namespace {

constexpr std::size_t largest = 4096;

/// Without an id, to a base peer, an error's code does not travel.
std::string text_of(const oocrpc::message& m) {
    if (!m.fault) return {};
    return m.fault->message + '\n' + m.fault->detail + '\n' +
           (m.id == 0 ? "" : std::to_string(m.fault->code));
}

bool same(const oocrpc::message& a, const oocrpc::message& b) {
    return a.kind == b.kind && a.oneway == b.oneway && a.credit == b.credit && a.id == b.id &&
           a.timeout_ms == b.timeout_ms && a.method == b.method && a.body == b.body &&
           text_of(a) == text_of(b);
}

/// What was read can be written, unless it does not fit, and is read as the same again.
void write_back(const oocrpc::message& m) {
    if (m.kind == oocrpc::message_kind::item && m.id == 0) return; // base peers know no items
    oocrpc::native_codec codec(largest);
    oocrpc::byte_buffer out;
    const auto how = codec.encode(m, out);
    if (how != oocrpc::encoded::done) {
        require(out.empty(), "what is refused leaves nothing");
        require(how != oocrpc::encoded::invalid, "what was read can be carried");
        return;
    }
    oocrpc::message again;
    const auto d = codec.decode(out, again);
    require(d.what == state::message && d.size == out.size(), "what is written is a message");
    require(same(m, again), "what is written is read as the same");
}

} // namespace

void native_codec(oocrpc::bytes data) {
    oocrpc::native_codec codec(largest);
    auto rest = data;
    std::size_t messages = 0;
    read_all(codec, rest, [&](const oocrpc::message& m) {
        ++messages;
        write_back(m);
    });
    if (messages == 0) return;
    // Cut off anywhere, the last of them is not there.
    const auto whole = data.size() - rest.size();
    auto part = data.first(whole - 1);
    oocrpc::native_codec other(largest);
    std::size_t fewer = 0;
    const auto end = read_all(other, part, [&](const oocrpc::message&) { ++fewer; });
    require(end == state::incomplete && fewer == messages - 1, "half of a message is none");
}

} // namespace fuzz
