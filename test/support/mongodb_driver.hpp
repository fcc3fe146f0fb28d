#pragma once

#include <map>
#include <memory>
#include <stdexcept>
#include <string>

#include "wire.hpp"

#include <oocrpc/mongodb_server_codec.hpp>
#include <oocrpc/service.hpp>

namespace oocrpc::test {

/// What a MongoDB driver does with one socket: OP_MSG out, OP_MSG in, matched by responseTo.
///
/// Documents are Extended JSON.
class driver {
  public:
    explicit driver(std::unique_ptr<byte_stream> s) : bytes_(std::move(s)) {}
    /// On a connection in memory, whose other end is served by `h`.
    driver(const any_io_executor& ex, handler h, connection_options options = {})
        : driver(make_stream_pair(ex, ex), std::move(h), std::move(options)) {}

    /// Sends a command and returns the number that its answer has.
    awaitable<std::int32_t> send(std::string command, std::uint32_t flags = 0) {
        byte_buffer body;
        bson::put_document(body, json::parse(command));
        const auto id = ++last_;
        std::string m;
        for (const auto n : {static_cast<std::uint32_t>(21 + body.size()),
                             static_cast<std::uint32_t>(id), 0u, 2013u, flags})
            append(m, n);
        m.push_back(0);
        m.append(reinterpret_cast<const char*>(body.data()), body.size());
        co_await bytes_.write(std::move(m));
        co_return id;
    }
    awaitable<void> send_oneway(std::string command) { co_await send(std::move(command), 2); }

    /// The answer with that number, others that come before are kept; null at the end.
    awaitable<json> answer(std::int32_t id, bson::json_mode mode = bson::json_mode::relaxed) {
        while (!answers_.contains(id)) {
            const auto some = co_await bytes_.read();
            if (some.empty()) co_return nullptr;
            in_ += some;
            while (take()) {
            }
        }
        const auto document = std::move(answers_[id]);
        answers_.erase(id);
        const bytes view(reinterpret_cast<const std::uint8_t*>(document.data()), document.size());
        co_return bson::to_json({bson::type::document, view}, mode);
    }
    awaitable<json> run(std::string command) {
        const auto id = co_await send(std::move(command));
        co_return co_await answer(id);
    }
    /// The same as text.
    awaitable<std::string> text(std::string command) {
        const json got = co_await run(std::move(command));
        co_return got.dump();
    }
    awaitable<std::string> canonical(std::string command) {
        const auto id = co_await send(std::move(command));
        const json got = co_await answer(id, bson::json_mode::canonical);
        co_return got.dump();
    }
    /// Answers that arrived and that nobody has asked for.
    std::size_t unread() const { return answers_.size(); }
    void close() { bytes_.stream().close(); }
    awaitable<void> hang_up() {
        bytes_.stream().close();
        co_await settle();
    }
    /// The server's end, where it is in memory.
    std::weak_ptr<connection> served;

  private:
    using pair = std::pair<std::unique_ptr<byte_stream>, std::unique_ptr<byte_stream>>;
    driver(pair p, handler h, connection_options options) : bytes_(std::move(p.first)) {
        auto words = std::make_unique<mongodb_server_codec>(options.limit.max_message,
                                                            options.limit.max_depth);
        served =
            connection::start(std::move(p.second), std::move(words),
                              std::make_shared<const handler>(std::move(h)), std::move(options));
    }
    static void append(std::string& to, std::uint32_t n) {
        for (int shift = 0; shift < 32; shift += 8) to.push_back(static_cast<char>(n >> shift));
    }
    std::uint32_t number(std::size_t at) const {
        std::uint32_t n = 0;
        for (std::size_t i = 4; i-- > 0;) n = n << 8 | static_cast<std::uint8_t>(in_[at + i]);
        return n;
    }
    bool take() {
        if (in_.size() < 4 || in_.size() < number(0)) return false;
        if (number(12) != 2013 || number(16) != 0 || in_[20] != 0)
            throw std::runtime_error("an answer that is no plain OP_MSG");
        const auto to = static_cast<std::int32_t>(number(8));
        if (!answers_.emplace(to, in_.substr(21, number(0) - 21)).second)
            throw std::runtime_error("a second answer to one request");
        in_.erase(0, number(0));
        return true;
    }

    byte_peer bytes_;
    std::string in_;
    std::map<std::int32_t, std::string> answers_;
    std::int32_t last_ = 100;
};

} // namespace oocrpc::test
