#include <oocrpc/testing/scripted_peer.hpp>

#include <optional>
#include <stdexcept>
#include <utility>

#include <oocrpc/clock.hpp>
#include <oocrpc/promise.hpp>

namespace oocrpc::testing {

std::string frame_of(const json& body) {
    byte_buffer b;
    bson::put(b, body);
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8)
        out.push_back(static_cast<char>(b.size() >> shift));
    return out.append(reinterpret_cast<const char*>(b.data()), b.size());
}

std::string frame(std::string_view text) {
    return frame_of(json::parse(text));
}

/// Has the bytes, since it may live longer than who waits for it.
struct byte_peer::operation final : stream_user {
    void on_read(std::error_code ec, std::size_t n) override {
        data.resize(n);
        end(ec);
    }
    void on_written(std::error_code ec) override { end(ec); }
    void end(std::error_code ec) {
        done = true;
        error = ec;
        if (waiter && !waiter->fired()) waiter->fire();
    }
    awaitable<void> wait() {
        while (!done) {
            waiter.emplace();
            auto ended = *waiter;
            co_await ended.wait();
        }
    }

    std::string data;
    bool done = false;
    std::error_code error;
    std::optional<promise<void>> waiter;
};

awaitable<std::string> byte_peer::read() {
    if (!reading_) {
        reading_ = std::make_shared<operation>();
        reading_->data.resize(64 << 10);
        stream_->read_some(asio::buffer(reading_->data), reading_);
    }
    auto reading = reading_;
    co_await reading->wait();
    reading_.reset();
    error_ = reading->error;
    co_return std::move(reading->data);
}

awaitable<bool> byte_peer::write(std::string data) {
    auto writing = std::make_shared<operation>();
    writing->data = std::move(data);
    const auto* from = reinterpret_cast<const std::uint8_t*>(writing->data.data());
    stream_->write(bytes(from, writing->data.size()), writing);
    co_await writing->wait();
    error_ = writing->error;
    co_return !error_;
}

awaitable<void> scripted_peer::play(script steps) {
    for (auto& s : steps) {
        auto taken = std::visit([this](auto& what) { return take(std::move(what)); }, s);
        co_await std::move(taken);
    }
}

awaitable<void> scripted_peer::take(expect s) {
    const auto wanted = json::parse(s.body);
    const auto got = co_await next_frame();
    if (!fits(wanted, got))
        throw std::runtime_error("expected " + fill(wanted).dump() + ", got " + got.dump());
}

awaitable<void> scripted_peer::take(expect_close) {
    const auto more = co_await next_frame();
    if (!more.is_null()) throw std::runtime_error("expected the end, got " + more.dump());
}

awaitable<void> scripted_peer::take(sends s) {
    co_await send(filled_frame(s.body), s.body);
}

awaitable<void> scripted_peer::take(send_bytes s) {
    auto what = std::to_string(s.data.size()) + " bytes";
    co_await send(std::move(s.data), std::move(what));
}

awaitable<void> scripted_peer::take(send_half s) {
    auto data = filled_frame(s.body);
    data.resize(data.size() / 2);
    co_await send(std::move(data), "half of " + s.body);
}

awaitable<void> scripted_peer::take(send_bytewise s) {
    for (char c : filled_frame(s.body)) {
        std::string one(1, c);
        co_await send(std::move(one), "bytes of " + s.body);
        for (int i = 0; i < 3; ++i) co_await asio::post(use_awaitable);
    }
}

awaitable<void> scripted_peer::send(std::string data, std::string what) {
    const bool sent = co_await bytes_.write(std::move(data));
    if (!sent) throw std::runtime_error("cannot send " + what + ": " + bytes_.error().message());
}

awaitable<void> scripted_peer::take(pass_time s) {
    co_await sleep_for(s.span);
}

awaitable<void> scripted_peer::take(half_close) {
    bytes_.stream().shutdown_send();
    co_return;
}

awaitable<void> scripted_peer::take(close_stream) {
    bytes_.stream().close();
    co_return;
}

awaitable<json> scripted_peer::next_frame() {
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

std::string scripted_peer::filled_frame(const std::string& body) const {
    return frame_of(fill(json::parse(body)));
}

bool scripted_peer::fits(const json& wanted, json got) {
    if (wanted.is_string()) {
        const auto text = wanted.get<std::string>();
        if (text == "$_") return true;
        if (text.starts_with('$')) {
            const auto [at, fresh] = bound_.emplace(text, got);
            return fresh || at->second == got;
        }
    }
    if (wanted.is_object() && got.is_object() && !wanted.contains("timeout_ms"))
        got.erase("timeout_ms");
    if (wanted.is_structured() && wanted.type() == got.type()) return fits_items(wanted, got);
    return wanted == got;
}

bool scripted_peer::fits_items(const json& wanted, const json& got) {
    if (wanted.size() != got.size()) return false;
    auto at = got.begin();
    for (auto w = wanted.begin(); w != wanted.end(); ++w, ++at) {
        if (wanted.is_object() && at.key() != w.key()) return false;
        if (!fits(*w, *at)) return false;
    }
    return true;
}

json scripted_peer::fill(json body) const {
    if (body.is_string() && bound_.contains(body.get<std::string>()))
        return bound_.at(body.get<std::string>());
    for (auto& item : body)
        if (body.is_structured()) item = fill(item);
    return body;
}

namespace {

awaitable<void> play(std::unique_ptr<byte_stream> connection, script steps) {
    scripted_peer peer(std::move(connection));
    co_await peer.play(std::move(steps));
}

} // namespace

scripted_server::scripted_server(any_io_executor executor, std::string_view at,
                                 std::vector<script> scripts, std::source_location made)
    : tasks_(std::make_shared<task_group>(executor)) {
    auto from = listener::open(executor, oocrpc::url::parse(at), port_sharing::exclusive, made);
    at_ = from->address().to_string();
    tasks_->spawn(serve(std::move(from), std::move(scripts), tasks_, made), made);
}

awaitable<void> scripted_server::serve(std::unique_ptr<listener> from, std::vector<script> scripts,
                                       std::weak_ptr<task_group> tasks, std::source_location made) {
    for (auto& s : scripts) {
        auto connection = co_await from->accept();
        const auto here = tasks.lock(); // the server may have gone since a connection came
        if (!here) co_return;
        here->spawn(play(std::move(connection), std::move(s)), made);
    }
}

} // namespace oocrpc::testing
