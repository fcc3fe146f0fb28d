#include "session_parts.hpp"

#include <oocrpc/clock.hpp>
#include <oocrpc/native_codec.hpp>
#include <oocrpc/peer.hpp>

#include "../../lib/mongodb/wire.hpp"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/allocator_interface.h>
#define OOCRPC_COUNTS_MEMORY
#endif
#endif

namespace fuzz {
namespace {

using oocrpc::awaitable;
using oocrpc::message;
using kind = oocrpc::message_kind;

constexpr oocrpc::method<int(int, int)> add{"demo.add", {"a", "b"}};
constexpr oocrpc::method<int(int)> slow{"demo.slow", {"ms"}};
constexpr oocrpc::method<std::string(int)> text{"demo.text", {"n"}};
constexpr oocrpc::method<oocrpc::stream<int>(int)> count{"demo.count", {"n"}};
constexpr oocrpc::method<int(int)> back{"demo.back", {"n"}};
constexpr oocrpc::method<void(int)> fail{"demo.fail", {"n"}};
constexpr std::string_view names[] = {
    add.name(),  slow.name(), text.name(),    count.name(),
    back.name(), fail.name(), "demo.nothing", "oocrpc.describe",
};

struct counted {
    explicit counted(std::shared_ptr<int> n) : running(std::move(n)) { ++*running; }
    ~counted() { --*running; }
    counted(const counted&) = delete;
    std::shared_ptr<int> running;
};

oocrpc::limits small() {
    oocrpc::limits l;
    l.max_message = 4096;
    l.max_in_flight = 8;
    l.max_outgoing = 16;
    l.max_queued = 8192;
    return l;
}

std::string text_of(const oocrpc::byte_buffer& b) {
    return std::string(fuzz::text_of(b));
}

/// A frame of the native protocol.
std::string native(input& in) {
    constexpr kind kinds[] = {kind::call, kind::call,   kind::cancel, kind::credit, kind::ping,
                              kind::pong, kind::goaway, kind::reply,  kind::item};
    const auto how = in.byte();
    auto m = message::control(kinds[how % std::size(kinds)], in.byte() % 8);
    oocrpc::byte_buffer body, out;
    m.credit = in.byte();
    if (m.kind == kind::call) {
        m.method = names[how / 9 % std::size(names)];
        oocrpc::detail::put_arguments(body, static_cast<int>(in.number()));
        m.body = {oocrpc::bson::type::array, body};
        m.oneway = how & 128;
        m.credit = how & 64 ? m.credit : 0;
    }
    oocrpc::native_codec().encode(m, out);
    return text_of(out);
}

constexpr const char* commands[] = {
    R"({"hello": 1, "$db": "admin"})",
    R"({"isMaster": 1, "$db": "admin", "compression": ["zstd"]})",
    R"({"add": [1, 2], "$db": "demo"})",
    R"({"slow": [300], "$db": "demo"})",
    R"({"find": "count", "filter": {"n": 50}, "batchSize": 3, "$db": "demo"})",
    R"({"getMore": {"$numberLong": "1"}, "collection": "count", "$db": "demo"})",
    R"({"killCursors": "count", "cursors": [{"$numberLong": "1"}], "$db": "demo"})",
    R"({"insert": "add", "documents": [{"a": 1, "b": 2}, {"a": 3}], "$db": "demo"})",
    R"({"currentOp": 1, "$db": "admin"})",
    R"({"killOp": 1, "op": 2, "$db": "admin"})",
    R"({"endSessions": [], "$db": "admin"})",
    R"({"saslStart": 1, "mechanism": "SCRAM-SHA-256", "payload": "", "$db": "admin"})",
};

/// A message of a MongoDB client.
std::string mongodb(input& in) {
    const auto how = in.byte();
    oocrpc::byte_buffer document, out;
    const auto json = oocrpc::json::parse(commands[how % std::size(commands)]);
    oocrpc::bson::put_document(document, json);
    oocrpc::mongodb::op_msg m;
    m.body = document;
    if (how & 128) m.flags = m.more_to_come;
    if (how & 64) m.flags |= m.exhaust_allowed;
    oocrpc::mongodb::put(out, m, in.byte());
    return text_of(out);
}

awaitable<int> call_back(oocrpc::context& c, int n, std::shared_ptr<int> running) {
    const counted here(std::move(running));
    const oocrpc::peer caller(c);
    const int sum = co_await caller.call(add, n, 1);
    co_return sum;
}

} // namespace

oocrpc::client_options client_limits() {
    oocrpc::client_options o;
    o.limit = small();
    oocrpc::service own{"demo"};
    own.on(add, [](int a, int b) { return a ^ b; });
    o.serve = own;
    return o;
}

oocrpc::server_options server_limits() {
    oocrpc::server_options o;
    o.limit = small();
    o.max_connections = 6;
    return o;
}

oocrpc::message call_of(unsigned how, input& in) {
    const auto name = names[how % std::size(names)];
    oocrpc::byte_buffer body;
    const auto n = static_cast<int>(in.number() % 5000);
    if (name == add.name())
        oocrpc::detail::put_arguments(body, n, 1);
    else
        oocrpc::detail::put_arguments(body, n);
    auto m = message::call(name, {oocrpc::bson::type::array, body});
    m.own();
    m.oneway = (how & 0xf0) == 0x70;
    return m;
}

handlers::handlers() {
    const auto running = running_;
    demo_.on(add, [](int a, int b) { return a ^ b; })
        .on(slow,
            [running](int ms) -> awaitable<int> {
                const counted here(running);
                co_await oocrpc::sleep_for(std::chrono::milliseconds(ms));
                co_return ms;
            })
        .on(text, [](int n) { return std::string(static_cast<unsigned>(n) % 5000, 'x'); })
        .on(count,
            [running](int n, oocrpc::sink<int>& out) -> awaitable<void> {
                const counted here(running);
                for (int i = 0; i < n; ++i) co_await out.send(i);
            })
        .on(back, [running](oocrpc::context& c, int n) { return call_back(c, n, running); })
        .on(fail, [](int n) {
            if (n % 2) throw std::runtime_error("no");
            throw oocrpc::rpc_error(oocrpc::errc::application, "no");
        });
}

struct strangers::stranger {
    std::optional<oocrpc::testing::byte_peer> bytes; // once connected
    std::string words;                               // to be sent
    bool writing = false, shuts = false, gone = false;
};

void strangers::open(unsigned how) {
    if (all_.size() >= 8) return;
    all_.push_back(std::make_shared<stranger>());
    tasks_.spawn(come(all_.back(), how % 4 != 0));
}

awaitable<void> strangers::come(std::shared_ptr<stranger> s, bool reads) {
    try {
        const auto at = oocrpc::url::parse("oocrpc://alpha:9000");
        s->bytes.emplace(co_await oocrpc::connect_stream(at));
    } catch (const oocrpc::rpc_error&) {
        s->gone = true;
    }
    if (s->gone && s->bytes) s->bytes->stream().close();
    if (s->gone) co_return;
    bool more = reads;
    while (more) {
        const auto read = co_await s->bytes->read();
        more = !read.empty();
    }
}

awaitable<void> strangers::send(std::shared_ptr<stranger> s) {
    bool good = true;
    while (good && !s->words.empty()) {
        auto some = std::exchange(s->words, {});
        good = co_await s->bytes->write(std::move(some));
    }
    s->writing = false;
    if (!good) s->words.clear();
    if (s->shuts && !s->gone) s->bytes->stream().shutdown_send();
}

void strangers::say(const std::shared_ptr<stranger>& s, std::string words) {
    if (!s->bytes || s->gone || s->shuts || s->words.size() > 100'000) return;
    s->words += words;
    if (std::exchange(s->writing, true)) return;
    tasks_.spawn(send(s));
}

void strangers::step(input& in) {
    if (all_.empty()) return;
    const auto which = in.byte();
    const auto s = all_[which % all_.size()];
    std::string words;
    switch (which / 8 % 8) {
    case 0:
        return say(s, std::string(fuzz::text_of(in.take(in.byte()))));
    case 1:
    case 2:
        return say(s, native(in));
    case 3:
        return say(s, mongodb(in));
    case 4: // half of a frame
        words = which & 64 ? native(in) : mongodb(in);
        return say(s, words.substr(0, in.byte()));
    case 5: // many
        words = which & 64 ? native(in) : mongodb(in);
        for (int i = in.byte(); i > 0; --i) say(s, words);
        return;
    case 6:
        if (s->gone || !s->bytes || std::exchange(s->shuts, true) || s->writing) return;
        return s->bytes->stream().shutdown_send();
    case 7:
        if (std::exchange(s->gone, true) || !s->bytes) return;
        return s->bytes->stream().close();
    }
}

void strangers::leave() {
    for (const auto& s : all_)
        if (!std::exchange(s->gone, true) && s->bytes) s->bytes->stream().close();
}

#ifdef OOCRPC_COUNTS_MEMORY
memory_bound::memory_bound() : before_(__sanitizer_get_current_allocated_bytes()) {}

void memory_bound::check() const {
    constexpr std::size_t most = 8 << 20;
    require(__sanitizer_get_current_allocated_bytes() < before_ + most, "memory is bounded");
}
#else
memory_bound::memory_bound() : before_(0) {}

void memory_bound::check() const {}
#endif

} // namespace fuzz
