#include "support/scripted_peer.hpp"
#include "support/test.hpp"

#include <oocrpc/limits.hpp>
#include <oocrpc/native_codec.hpp>

#include <random>

using namespace oocrpc;
using test::frame;

namespace {

bytes view(std::string_view data) {
    return {reinterpret_cast<const std::uint8_t*>(data.data()), data.size()};
}
std::string length(std::uint32_t n) {
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(n >> shift));
    return out;
}
/// Why the codec refuses these bytes; empty where it does not.
std::string reason(std::string_view data) {
    native_codec codec;
    message m;
    const auto d = codec.decode(view(data), m);
    return d.what == decoded::state::malformed ? d.reason : std::string();
}
message decode(std::string_view data) {
    native_codec codec;
    message m;
    const auto d = codec.decode(view(data), m);
    REQUIRE(d.what == decoded::state::message);
    CHECK(d.size == data.size());
    m.own();
    return m;
}
std::string encode(const message& m, encoded expected = encoded::done) {
    native_codec codec;
    byte_buffer out;
    CHECK(codec.encode(m, out) == expected);
    return {reinterpret_cast<const char*>(out.data()), out.size()};
}
json body_of(const std::string& data) {
    REQUIRE(data.size() > 4);
    CHECK(data.substr(0, 4) == length(static_cast<std::uint32_t>(data.size() - 4)));
    return bson::to_json({bson::type::document, view(data).subspan(4)});
}
bson::value number(std::int32_t n) {
    byte_buffer b;
    const auto t = bson::put(b, n);
    const bson::value_view v{t, b};
    return bson::value(v);
}
std::string nested(std::size_t depth) {
    // Documents with one key "a", each within the one before.
    std::string inner("\x05\0\0\0\0", 5);
    for (std::size_t i = 1; i < depth; ++i) {
        const auto n = static_cast<std::uint32_t>(inner.size() + 8);
        std::string outer;
        for (int shift = 0; shift < 32; shift += 8) outer.push_back(static_cast<char>(n >> shift));
        outer += std::string("\x03", 1) + std::string("a\0", 2) + inner + std::string(1, '\0');
        inner = std::move(outer);
    }
    return length(static_cast<std::uint32_t>(inner.size())) + inner;
}
/// The same without the quadratic work of building it from within.
std::string deeply_nested(std::size_t depth) {
    std::string body;
    auto left = static_cast<std::uint32_t>(depth * 8 - 3);
    for (std::size_t i = 0; i < depth; ++i, left -= 8) {
        for (int shift = 0; shift < 32; shift += 8)
            body.push_back(static_cast<char>(left >> shift));
        if (i + 1 < depth)
            body += std::string("\x03"
                                "a\0",
                                3);
    }
    body.append(depth, '\0');
    return length(static_cast<std::uint32_t>(body.size())) + body;
}

} // namespace

TEST_SUITE("native_codec") {

TEST_CASE("a call keeps method, arguments and all keys beside it") {
    auto m = message::call("demo.add");
    const auto n = number(7);
    m.body = n;
    m.id = 5;
    m.timeout_ms = 250;
    m.credit = 32;
    m.meta.set("tenant", "a");
    const auto data = encode(m);
    CHECK(body_of(data).dump() == R"({"call":{"funcname":"demo.add","arguments":7},"id":5,)"
                                  R"("timeout_ms":250,"stream":32,"meta":{"tenant":"a"}})");
    const auto back = decode(data);
    CHECK(back.kind == message_kind::call);
    CHECK(back.method == "demo.add");
    CHECK(back.body == n);
    CHECK(back.id == 5);
    CHECK(back.timeout_ms == 250);
    CHECK(back.credit == 32);
    CHECK(*back.meta.find("tenant") == "a");
}

TEST_CASE("a call without arguments, deadline or id is the base protocol's") {
    const auto data = encode(message::call("f"));
    CHECK(body_of(data).dump() == R"({"call":{"funcname":"f"}})");
    const auto back = decode(data);
    CHECK(back.id == 0);
    CHECK(back.timeout_ms == -1);
    CHECK(!back.oneway);
    CHECK(!present(back.body));
}

TEST_CASE("null as an argument differs from no argument") {
    const auto back = decode(frame(R"({"call": {"funcname": "f", "arguments": null}})"));
    CHECK(present(back.body));
    CHECK(back.body.t == bson::type::null);
}

TEST_CASE("a one-way call says so") {
    auto m = message::call("f");
    m.id = 1;
    m.oneway = true;
    const auto data = encode(m);
    CHECK(body_of(data)["oneway"] == true);
    CHECK(decode(data).oneway);
}

TEST_CASE("the first fault is told, wherever the reader looks next") {
    byte_buffer out;
    bson::document_writer body(out);
    {
        bson::document_writer outer(body, "reply");
        bson::document_writer inner(outer, "a");
        inner.add("s", std::string_view("text"));
        inner.finish();
        outer.finish();
    }
    body.add("id", std::int64_t{1});
    body.finish();
    std::string data(reinterpret_cast<const char*>(out.data()), out.size());
    const auto text = data.find("text");
    data[text] = '\xff';
    message m;
    native_codec codec;
    const auto frame = std::string("\0\0\0", 3) + static_cast<char>(data.size()) + data;
    const auto d =
        codec.decode({reinterpret_cast<const std::uint8_t*>(frame.data()), frame.size()}, m);
    CHECK(d.what == decoded::state::malformed);
    CHECK(d.reason == "offset " + std::to_string(text) + ": string is not UTF-8");
}

TEST_CASE("a reply keeps id, result and metadata") {
    const auto n = number(3);
    auto m = message::reply(9, n);
    m.meta.set("age", "1");
    const auto data = encode(m);
    CHECK(body_of(data).dump() == R"({"reply":3,"id":9,"meta":{"age":"1"}})");
    const auto back = decode(data);
    CHECK(back.kind == message_kind::reply);
    CHECK(back.id == 9);
    CHECK(back.body == n);
}

TEST_CASE("an item is a reply with more") {
    const auto n = number(3);
    auto m = message::reply(9, n);
    m.kind = message_kind::item;
    const auto data = encode(m);
    CHECK(body_of(data).dump() == R"({"reply":3,"id":9,"more":true})");
    CHECK(decode(data).kind == message_kind::item);
}

TEST_CASE("a base peer gets the one key alone, and noreply for no result") {
    auto m = message::reply(0, absent);
    m.meta.set("age", "1");
    CHECK(body_of(encode(m)).dump() == R"({"reply":"noreply"})");
    auto e = message::error(0, errc::overloaded, "busy");
    e.meta.set("age", "1");
    CHECK(body_of(encode(e)).dump() == R"({"error":{"message":"overloaded","detail":"busy"}})");
}

TEST_CASE("no result is null with an id and noreply without") {
    CHECK(body_of(encode(message::reply(4, absent))).dump() == R"({"reply":null,"id":4})");
    CHECK(decode(frame(R"({"reply": "noreply"})")).body.t == bson::type::null);
    CHECK(decode(frame(R"({"reply": "noreply", "id": 4})")).body.as_string() == "noreply");
}

TEST_CASE("an error keeps message, detail and code") {
    const rpc_error error("out_of_stock", "no apples", 4711);
    const auto data = encode(message::error(2, error));
    CHECK(body_of(data).dump() ==
          R"({"error":{"message":"out_of_stock","detail":"no apples","code":4711},"id":2})");
    const auto back = decode(data).to_exception();
    CHECK(back.message() == "out_of_stock");
    CHECK(back.detail() == "no apples");
    CHECK(back.code().value() == 4711);
}

TEST_CASE("the code of an error without one follows from its message") {
    CHECK(decode(frame(R"({"error": {"message": "overloaded"}})")).fault->code == 462);
    CHECK(decode(frame(R"({"error": {"message": "mine", "detail": "x"}})")).fault->code == 8000);
}

TEST_CASE("control messages keep their content") {
    for (auto kind : {message_kind::cancel, message_kind::ping, message_kind::pong}) {
        const auto back = decode(encode(message::control(kind, 77)));
        CHECK(back.kind == kind);
        CHECK(back.id == 77);
    }
    auto credit = message::control(message_kind::credit, 5);
    credit.credit = 8;
    const auto granted = decode(encode(credit));
    CHECK(granted.kind == message_kind::credit);
    CHECK(granted.id == 5);
    CHECK(granted.credit == 8);
    auto goaway = message::control(message_kind::goaway, 0);
    goaway.method = "draining";
    const auto reason = decode(encode(goaway));
    CHECK(reason.kind == message_kind::goaway);
    CHECK(reason.method == "draining");
}

TEST_CASE("an info that is not ours, or that a later version adds, is ignored") {
    CHECK(decode(frame(R"({"info": "anything"})")).kind == message_kind::ignored);
    CHECK(decode(frame(R"({"info": {}})")).kind == message_kind::ignored);
    CHECK(decode(frame(R"({"info": {"weather": "fine"}})")).kind == message_kind::ignored);
    CHECK(decode(frame(R"({"info": {"end": 3}})")).kind == message_kind::ignored);
}

TEST_CASE("the keys of a call mean nothing beside a reply, an error or an info") {
    for (const auto* key :
         {R"("reply": 1)", R"("reply": 1, "more": true)", R"("error": {"message": "m"})",
          R"("info": {"goaway": "g"})", R"("info": {"cancel": 5})", R"("info": {})"}) {
        CAPTURE(key);
        const auto m = decode(frame('{' + std::string(key) +
                                    R"(, "id": 3, "stream": 4, "timeout_ms": 5, "oneway": true})"));
        CHECK(m.credit == 0);
        CHECK(m.timeout_ms == -1);
        CHECK(!m.oneway);
    }
}

TEST_CASE("an id beside an info means nothing") {
    for (const auto* info : {R"({"goaway": "g"})", "{}", R"({"weather": "fine"})"})
        CHECK(decode(frame(R"({"id": 3, "info": )" + std::string(info) + '}')).id == 0);
    CHECK(decode(frame(R"({"id": 3, "info": {"cancel": 5}})")).id == 5);
}

TEST_CASE("unknown keys are ignored") {
    const auto m = decode(frame(
        R"({"color": 1, "call": {"funcname": "f", "mood": 2, "arguments": [1]}, "taste": {}})"));
    CHECK(m.method == "f");
    CHECK(m.body.t == bson::type::array);
}

TEST_CASE("a length that cannot be is refused before the body arrives") {
    CHECK(reason(length(0)) == "a frame of 0 bytes is shorter than the smallest document");
    CHECK(reason(length(4)) == "a frame of 4 bytes is shorter than the smallest document");
    CHECK(reason(length((16u << 20) + 1)) ==
          "a frame of 16777217 bytes exceeds the limit of 16777216");
    CHECK(reason(length(0xffffffff)) ==
          "a frame of 4294967295 bytes exceeds the limit of 16777216");
    CHECK(reason(length(16u << 20)).empty());
}

TEST_CASE("a body that is no valid BSON is refused with the place") {
    CHECK(reason(length(5) + std::string("\x06\0\0\0\0", 5)).starts_with("offset 0: "));
    auto data = frame(R"({"reply": "text"})");
    data[data.size() - 4] = '\xff';
    CHECK(reason(data).starts_with("offset "));
    CHECK(reason(data).find("UTF-8") != std::string::npos);
}

TEST_CASE("an argument of a hundred levels passes, one level more is refused, a million are, too") {
    CHECK(reason(deeply_nested(1'000'000)).starts_with("offset "));
    CHECK(deeply_nested(50) == nested(50));
    // A value of `levels` in the array of arguments, in the call, in the frame.
    const auto fault = [](std::size_t levels, std::size_t most) {
        const auto framed = nested(levels);
        byte_buffer array;
        bson::array_writer arguments(array);
        const bson::value_view deep{bson::type::document, view(framed).subspan(4)};
        arguments.add(deep);
        arguments.finish();
        auto m = message::call("f");
        m.body = {bson::type::array, array};
        const auto data = encode(m);
        native_codec codec(16u << 20, most);
        message got;
        return codec.decode(view(data), got).reason;
    };
    for (const std::size_t most : {std::size_t{10}, limits().max_depth}) {
        CAPTURE(most);
        CHECK(fault(most - 1, most) == "");
        CHECK(fault(most, most) == "");
        CHECK(fault(most + 1, most).ends_with("documents are nested too deeply"));
    }
}

TEST_CASE("a frame that breaks the rules is refused with what is wrong") {
    const std::pair<const char*, const char*> cases[] = {
        {R"({})", "a frame holds one of call, reply, error and info; found none"},
        {R"({"id": 1})", "a frame holds one of call, reply, error and info; found none"},
        {R"({"reply": 1, "call": {"funcname": "f"}})",
         "a frame holds one of call, reply, error and info; found more than one"},
        {R"({"reply": 1, "reply2": 1, "error": 1})",
         "a frame holds one of call, reply, error and info; found more than one"},
        {R"({"call": 1})", "call: expected document, got int32"},
        {R"({"call": {}})", "call.funcname is missing"},
        {R"({"call": {"funcname": 1}})", "call.funcname: expected string, got int32"},
        {R"({"error": "x"})", "error: expected document, got string"},
        {R"({"error": {}})", "error.message is missing"},
        {R"({"error": {"message": 1}})", "error.message: expected string, got int32"},
        {R"({"error": {"message": "m", "detail": 1}})", "error.detail: expected string, got int32"},
        {R"({"error": {"message": "m", "code": "x"}})", "error.code: expected int64, got string"},
        {R"({"error": {"message": "m", "code": 2147483648}})", "error.code: exceeds int32"},
        {R"({"reply": 1, "id": "x"})", "id: expected int64, got string"},
        {R"({"reply": 1, "id": 1.5})", "id: expected int64, got double"},
        {R"({"reply": 1, "id": 0})", "id: 0 is less than 1"},
        {R"({"reply": 1, "id": -7})", "id: -7 is less than 1"},
        {R"({"call": {"funcname": "f"}, "timeout_ms": -1})", "timeout_ms: -1 is less than 0"},
        {R"({"call": {"funcname": "f"}, "timeout_ms": true})",
         "timeout_ms: expected int64, got bool"},
        {R"({"call": {"funcname": "f"}, "meta": 1})", "meta: expected document, got int32"},
        {R"({"call": {"funcname": "f"}, "meta": {"a": 1}})", "meta.a: expected string, got int32"},
        {R"({"call": {"funcname": "f"}, "oneway": 1})", "oneway: expected bool, got int32"},
        {R"({"call": {"funcname": "f"}, "stream": 0})", "stream: 0 is less than 1"},
        {R"({"call": {"funcname": "f"}, "stream": 4294967296})", "stream: exceeds int32"},
        {R"({"call": {"funcname": "f"}, "stream": "x"})", "stream: expected int64, got string"},
        {R"({"reply": 1, "more": 1})", "more: expected bool, got int32"},
        {R"({"info": {"cancel": 0}})", "info.cancel: 0 is less than 1"},
        {R"({"info": {"cancel": "x"}})", "info.cancel: expected int64, got string"},
        {R"({"info": {"credit": 1}})", "info.credit: expected document, got int32"},
        {R"({"info": {"credit": {"id": 1}}})", "info.credit takes id and n"},
        {R"({"info": {"credit": {"id": 1, "n": 0}}})", "info.credit.n: 0 is less than 1"},
        {R"({"info": {"ping": "x"}})", "info.ping: expected int64, got string"},
        {R"({"info": {"goaway": 1}})", "info.goaway: expected string, got int32"},
    };
    for (auto& [body, expected] : cases) {
        CAPTURE(body);
        CHECK(reason(frame(body)) == expected);
    }
}

TEST_CASE("a frame cut off anywhere is incomplete and says what it takes once that is known") {
    const auto data = frame(R"({"call": {"funcname": "f", "arguments": [1, "two"]}, "id": 7})");
    native_codec codec;
    for (std::size_t n = 0; n < data.size(); ++n) {
        message m;
        const auto d = codec.decode(view(data).first(n), m);
        CHECK(d.what == decoded::state::incomplete);
        CHECK(d.size == (n < 4 ? 4 : data.size()));
    }
}

TEST_CASE("only the first of several messages is read") {
    const auto first = frame(R"({"reply": 1, "id": 1})");
    native_codec codec;
    message m;
    const auto data = first + frame(R"({"reply": 2, "id": 2})");
    const auto d = codec.decode(view(data), m);
    CHECK(d.size == first.size());
    CHECK(m.id == 1);
}

TEST_CASE("what cannot be encoded leaves the buffer as it was") {
    native_codec small(64);
    byte_buffer out;
    out.append(std::string_view("before"));
    const std::string letters(100, 'x');
    CHECK(small.encode(message::call(letters), out) == encoded::too_large);
    CHECK(small.encode(message::control(message_kind::ignored, 1), out) == encoded::unsupported);
    message nothing;
    nothing.kind = message_kind::error; // without a failure
    CHECK(small.encode(nothing, out) == encoded::unsupported);
    CHECK(small.encode(message::call("\xff"), out) == encoded::invalid);
    auto m = message::call("f");
    m.meta.set(std::string_view("a\0b", 3), "x");
    CHECK(small.encode(m, out) == encoded::invalid);
    CHECK(small.encode(message::error(1, errc::internal, "\xc3"), out) == encoded::invalid);
    CHECK(std::string(reinterpret_cast<char*>(out.data()), out.size()) == "before");
}

TEST_CASE("a message of exactly the limit is written and read, one byte more is not") {
    const auto m = message::call("f");
    const auto size = encode(m).size() - 4;
    native_codec exact(size), less(size - 1);
    byte_buffer out;
    CHECK(less.encode(m, out) == encoded::too_large);
    CHECK(exact.encode(m, out) == encoded::done);
    message back;
    CHECK(exact.decode(out, back).what == decoded::state::message);
    CHECK(less.decode(out, back).what == decoded::state::malformed);
}

TEST_CASE("metadata of a hundred thousand keys costs no more than its bytes") {
    byte_buffer data;
    data.grow(4);
    bson::document_writer document(data);
    bson::document_writer call(document, "call");
    call.add("funcname", std::string_view("f"));
    call.finish();
    bson::document_writer inner(document, "meta");
    for (int i = 0; i < 100'000; ++i) inner.add(std::to_string(i), std::string_view("x"));
    inner.finish();
    const auto n = document.finish();
    for (int i = 0; i < 4; ++i) data.data()[i] = static_cast<std::uint8_t>(n >> (24 - 8 * i));
    native_codec codec;
    message m;
    const auto begun = std::chrono::steady_clock::now();
    CHECK(codec.decode(data, m).what == decoded::state::message);
    CHECK(m.meta.size() == 100'000);
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(5));
}

TEST_CASE("random bytes, and frames with random changes, never do harm") {
    std::mt19937 random(4711);
    native_codec codec;
    const auto good = frame(R"({"call": {"funcname": "f", "arguments": [1, {"a": "b"}, 2.5]},
        "id": 7, "timeout_ms": 10, "meta": {"k": "v"}, "stream": 3})");
    for (int round = 0; round < 20'000; ++round) {
        auto data = good;
        if (round % 2) {
            for (auto& c : data) c = static_cast<char>(random());
            data[0] = data[1] = data[2] = 0;
        } else {
            for (auto n = random() % 4 + 1; n; --n)
                data[random() % data.size()] = static_cast<char>(random());
        }
        data.resize(random() % (data.size() + 1));
        message m;
        const auto d = codec.decode(view(data), m);
        if (d.what != decoded::state::message) continue;
        m.own();
        byte_buffer out;
        if (m.kind != message_kind::ignored) CHECK(codec.encode(m, out) == encoded::done);
    }
}

TEST_CASE("what is read of a frame is validated wherever it stands, also behind and within it") {
    const char* const frames[] = {
        R"({"call": {"funcname": "f", "arguments": [1, {"a": "b"}, 2.5], "more": {"x": [true]}},
            "id": 7, "meta": {"k": "v"}, "unknown": {"a": {"b": "c"}}})",
        R"({"id": 7, "reply": {"a": ["b", {"c": null}]}, "meta": {"k": "v"}, "last": "text"})",
        R"({"error": {"message": "m", "detail": "d", "code": 3, "x": {"y": "z"}}, "id": 1})",
        R"({"info": {"credit": {"id": 1, "n": 2, "x": ["y"]}, "x": {"y": "z"}}, "z": [0]})"};
    std::size_t invalid = 0;
    for (const auto* text : frames) {
        const auto good = frame(text);
        for (std::size_t at = 4; at < good.size(); ++at)
            for (int byte = 0; byte < 256; ++byte) {
                auto data = good;
                data[at] = static_cast<char>(byte);
                if (!bson::validate(view(data).subspan(4), 100)) continue;
                ++invalid;
                if (reason(data).empty())
                    FAIL_CHECK(text << " passes with " << byte << " at " << at);
            }
    }
    CHECK(invalid > 10'000);
}

TEST_CASE("the keys of a frame may come in any order, but what it is comes once") {
    CHECK(decode(frame(R"({"id": 3, "call": {"arguments": [1], "funcname": "f"}})")).method == "f");
    CHECK(decode(frame(R"({"reply": {"a": 1}, "id": 3})")).id == 3);
    const auto* twice = "a frame holds one of call, reply, error and info; found more than one";
    for (const auto* text : {R"({"call": {"funcname": "f"}, "reply": 1})",
                             R"({"call": {"funcname": "f"}, "id": 1, "reply": 1})",
                             R"({"call": {"funcname": "f"}, "id": 1, "info": {}})",
                             R"({"info": {}, "error": {"message": "m"}})"})
        CHECK(reason(frame(text)) == twice);
    CHECK(reason(frame(R"({"id": 1, "call": 5})")) == "call: expected document, got int32");
    for (const auto* text : {R"({"info": {"credit": {"n": 5}}})", R"({"info": {"credit": {}}})",
                             R"({"info": {"credit": {"id": 5}}})"})
        CHECK(reason(frame(text)) == "info.credit takes id and n");
}

TEST_CASE("the result of a base peer is any value, and noreply is none") {
    CHECK(decode(frame(R"({"reply": 5})")).body == number(5));
    CHECK(decode(frame(R"({"reply": "text"})")).body.as_string() == "text");
    CHECK(decode(frame(R"({"reply": "noreply"})")).body.t == bson::type::null);
    const auto seven = number(7);
    CHECK(body_of(encode(message::reply(0, seven))).dump() == R"({"reply":7})");
    CHECK(body_of(encode(message::reply(0, absent))).dump() == R"({"reply":"noreply"})");
}

TEST_CASE("a body that alone exceeds the limit is not even begun") {
    native_codec small(3);
    byte_buffer out;
    const auto seven = number(7);
    CHECK(small.encode(message::reply(1, seven), out) == encoded::too_large);
    CHECK(out.empty());
}

} // TEST_SUITE("native_codec")
