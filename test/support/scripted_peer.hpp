#pragma once

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <oocrpc/bson_json.hpp>
#include <oocrpc/clock.hpp>
#include <oocrpc/promise.hpp>
#include <oocrpc/stream.hpp>

namespace oocrpc::test {

/// The bytes of a frame: the length, then `body` as BSON. `body` is JSON.
inline std::string frame_of(const json& body) {
    byte_buffer b;
    bson::put(b, body);
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8)
        out.push_back(static_cast<char>(b.size() >> shift));
    return out.append(reinterpret_cast<const char*>(b.data()), b.size());
}
inline std::string frame(std::string_view text) {
    return frame_of(json::parse(text));
}

// The steps of a script.
struct expect {
    std::string body;
};
struct sends {
    std::string body;
};
struct send_bytes {
    std::string data;
};
/// Only the first half of a frame.
struct send_half {
    std::string body;
};
struct send_bytewise {
    std::string body;
};
struct expect_close {};
struct close_stream {};
struct pass_time {
    std::chrono::milliseconds span;
};
using step = std::variant<expect, sends, send_bytes, send_half, send_bytewise, expect_close,
                          close_stream, pass_time>;
using script = std::vector<step>;

/// Bytes in and out of a stream for a coroutine.
class byte_peer {
  public:
    explicit byte_peer(std::unique_ptr<byte_stream> s) : stream_(std::move(s)) {}

    /// What arrives next; empty at the end.
    awaitable<std::string> read() {
        auto waiter = std::make_shared<user>();
        std::string into(64 << 10, '\0');
        stream_->read_some(asio::buffer(into), waiter);
        const auto n = co_await waiter->done.wait();
        into.resize(n);
        co_return into;
    }
    /// False where the other end is gone.
    awaitable<bool> write(std::string data) {
        auto waiter = std::make_shared<user>();
        const bytes view(reinterpret_cast<const std::uint8_t*>(data.data()), data.size());
        stream_->write(view, waiter);
        const auto n = co_await waiter->done.wait();
        co_return n > 0;
    }
    void close() { stream_->close(); }

  private:
    struct user final : stream_user {
        void on_read(std::error_code, std::size_t n) override { done.fire(n); }
        void on_written(std::error_code ec) override { done.fire(ec ? 0u : 1u); }
        promise<std::size_t> done;
    };
    std::unique_ptr<byte_stream> stream_;
};

/// One end of a connection that follows a script: what it expects and what it sends.
///
/// Bodies are JSON. In what is expected, "$_" fits anything and "$x" fits anything the first time,
/// which it is then: so an id that was received can be sent back. `timeout_ms` is compared only
/// where the script has it. Keys must be in order.
class scripted_peer {
  public:
    explicit scripted_peer(std::unique_ptr<byte_stream> s) : bytes_(std::move(s)) {}

    awaitable<void> play(script steps) {
        for (auto& s : steps) {
            if (auto* e = std::get_if<expect>(&s)) {
                co_await expect_frame(e->body);
            } else if (auto* out = std::get_if<sends>(&s)) {
                co_await write(filled_frame(out->body));
            } else if (auto* raw = std::get_if<send_bytes>(&s)) {
                co_await write(raw->data);
            } else if (auto* half = std::get_if<send_half>(&s)) {
                auto data = filled_frame(half->body);
                data.resize(data.size() / 2);
                co_await write(std::move(data));
            } else if (auto* slow = std::get_if<send_bytewise>(&s)) {
                co_await write_bytewise(filled_frame(slow->body));
            } else if (auto* pause = std::get_if<pass_time>(&s)) {
                co_await sleep_for(pause->span);
            } else if (std::holds_alternative<expect_close>(s)) {
                const auto more = co_await next_frame();
                if (!more.is_null())
                    throw std::runtime_error("expected the end, got " + more.dump());
            } else {
                bytes_.close();
            }
        }
    }

    /// The next frame as JSON, null at the end of the stream.
    awaitable<json> next_frame() {
        for (;;) {
            if (buffer_.size() >= 4) {
                std::size_t n = 0;
                for (int i = 0; i < 4; ++i)
                    n = n << 8 | static_cast<unsigned char>(buffer_[static_cast<std::size_t>(i)]);
                if (buffer_.size() >= 4 + n) {
                    const auto* at = reinterpret_cast<const std::uint8_t*>(buffer_.data()) + 4;
                    const bytes body(at, n);
                    auto value = bson::to_json({bson::type::document, body});
                    buffer_.erase(0, 4 + n);
                    co_return value;
                }
            }
            auto more = co_await bytes_.read();
            if (more.empty()) co_return nullptr;
            buffer_ += more;
        }
    }
    /// The value that "$x" has stood for.
    const json& bound(const std::string& name) const { return bound_.at(name); }

  private:
    awaitable<void> write(std::string data) { co_await bytes_.write(std::move(data)); }
    awaitable<void> write_bytewise(std::string data) {
        for (char c : data) {
            std::string one(1, c);
            co_await bytes_.write(std::move(one));
            for (int i = 0; i < 3; ++i) co_await asio::post(use_awaitable);
        }
    }
    awaitable<void> expect_frame(const std::string& body) {
        const auto wanted = json::parse(body);
        const auto got = co_await next_frame();
        if (!fits(wanted, got))
            throw std::runtime_error("expected " + fill(wanted).dump() + ", got " + got.dump());
    }
    std::string filled_frame(const std::string& body) { return frame_of(fill(json::parse(body))); }

    bool fits(const json& wanted, json got) {
        if (wanted.is_string()) {
            const auto text = wanted.get<std::string>();
            if (text == "$_") return true;
            if (text.starts_with('$')) {
                const auto [at, fresh] = bound_.emplace(text, got);
                return fresh || at->second == got;
            }
        }
        if (wanted.is_object() && got.is_object()) {
            if (!wanted.contains("timeout_ms")) got.erase("timeout_ms");
            if (wanted.size() != got.size()) return false;
            auto at = got.begin();
            for (auto& [key, value] : wanted.items()) {
                if (at.key() != key || !fits(value, at.value())) return false;
                ++at;
            }
            return true;
        }
        if (wanted.is_array() && got.is_array()) {
            if (wanted.size() != got.size()) return false;
            for (std::size_t i = 0; i < got.size(); ++i)
                if (!fits(wanted[i], got[i])) return false;
            return true;
        }
        return wanted == got;
    }
    json fill(json body) const {
        if (body.is_string() && bound_.contains(body.get<std::string>()))
            return bound_.at(body.get<std::string>());
        for (auto& item : body)
            if (body.is_structured()) item = fill(item);
        return body;
    }

    byte_peer bytes_;
    std::string buffer_;
    std::map<std::string, json> bound_;
};

} // namespace oocrpc::test
