#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include <oocrpc/context.hpp>
#include <oocrpc/detail/read_value.hpp>
#include <oocrpc/message_stream.hpp>

namespace oocrpc {

/// The items that a remote method streams, in order; also the result type of such a method.
///
/// Moves, does not copy; used on the executor that the call was made on. Destroying it before the
/// end cancels the call, so that the callee stops.
template <class T> class stream {
  public:
    explicit stream(std::shared_ptr<message_stream> source) : source_(std::move(source)) {}
    stream(stream&&) noexcept = default;
    stream& operator=(stream&& other) noexcept {
        std::swap(source_, other.source_);
        std::swap(rest_, other.rest_);
        std::swap(ended_, other.ended_);
        return *this;
    }
    ~stream() {
        if (source_) source_->cancel();
    }

    /// The next item, or nothing after the last. Throws what ended the stream instead: an error of
    /// the callee, `cancelled`, `deadline_exceeded`, `unavailable`.
    awaitable<std::optional<T>> next() {
        while (rest_.empty()) {
            message m = co_await source_->next();
            if (m.kind == message_kind::error) throw m.to_exception();
            if (m.kind == message_kind::item)
                co_return detail::read_value<T>(m.body, "item of the stream");
            if (m.body.t == bson::type::null || ended_) co_return std::nullopt;
            end_with(m.body);
        }
        T item = std::move(rest_.front());
        rest_.pop_front();
        co_return item;
    }

  private:
    /// A peer that knows no streams, or a method that streams nothing, answers with all at once.
    void end_with(bson::value_view all) {
        ended_ = true;
        if (all.t != bson::type::array)
            return rest_.push_back(detail::read_value<T>(all, "result"));
        for (const auto& e : bson::elements(all.as_document()))
            rest_.push_back(detail::read_value<T>(e.value, "item of the result"));
    }

    std::shared_ptr<message_stream> source_;
    std::deque<T> rest_;
    bool ended_ = false;
};

/// Where the handler of a streaming method sends its items; lives as long as the handler runs.
template <class T> class sink {
  public:
    explicit sink(context& c) : context_(c) {}
    /// Sends one item, waiting until the caller has room for it. Throws as context::send does.
    awaitable<void> send(T item) {
        byte_buffer data;
        const auto t = bson::put(data, item);
        const bson::value_view view{t, data};
        co_await context_.send(view);
    }

  private:
    context& context_;
};

} // namespace oocrpc
