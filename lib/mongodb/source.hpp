#pragma once

#include <memory>
#include <optional>
#include <string>

#include <oocrpc/connection.hpp>

namespace oocrpc::mongodb {

/// Where the documents of a cursor come from. Used on one executor.
class source {
  public:
    enum class state {
        here,    ///< value() is the next one
        pending, ///< arrival() waits for it
        over,    ///< there is no other
        failed,  ///< there is none for that failure()
    };
    virtual ~source() = default;

    virtual state look() = 0;
    /// Valid until pop().
    virtual bson::value_view value() const = 0;
    virtual void pop() = 0;
    virtual rpc_error failure() const { return rpc_error(errc::internal); }
    /// Up to `n` more are wanted, those that are here included; nothing is made beyond.
    virtual void demand(std::int64_t) {}
    virtual awaitable<void> arrival() = 0;
    /// Nothing is wanted any more: whatever makes the values stops.
    virtual void stop() {}
    /// What it views becomes its own.
    virtual void own() {}
    /// Bytes that it keeps.
    virtual std::size_t stored() const noexcept { return 0; }
};

/// The elements of an array that is there, or one other value.
class value_source final : public source {
  public:
    explicit value_source(bson::value_view all);

    state look() override { return more() ? state::here : state::over; }
    bson::value_view value() const override { return is_array_ ? at_->value : all_; }
    void pop() override;
    awaitable<void> arrival() override { co_return; }
    void own() override;
    std::size_t stored() const noexcept override { return kept_.data.size(); }

  private:
    bool more() const noexcept;

    bson::value_view all_;
    bson::value kept_;
    bool is_array_;
    bool taken_ = false; // the one value
    bson::elements::iterator at_;
};

/// A method that streams, called on a connection within the process, on behalf of who called us:
/// its items are made on demand, and closing that connection cancels it.
class stream_source final : public source {
  public:
    /// The call begins with the first demand. `serve` is called on the executor of `c`.
    stream_source(std::shared_ptr<const handler> serve, const context& c, message call);
    ~stream_source() override { stop(); }

    state look() override;
    bson::value_view value() const override;
    void pop() override;
    rpc_error failure() const override { return *failure_; }
    void demand(std::int64_t n) override;
    awaitable<void> arrival() override { return stream_->arrival(); }
    void stop() override;

  private:
    void begin(std::int32_t window);
    void end_with(message m);
    std::int64_t portion() const noexcept;

    std::shared_ptr<const handler> serve_;
    any_io_executor home_;
    connection_options options_;
    metadata meta_;
    message call_;
    std::weak_ptr<connection> ours_; // kept by its own read, as long as its loop is there
    std::shared_ptr<message_stream> stream_;
    std::int64_t outstanding_ = 0; // granted, not yet popped
    std::size_t largest_ = 0;      // of the items so far
    std::optional<message> front_;
    std::optional<message> end_;
    std::unique_ptr<value_source> rest_; // a callee that knows no streams answers with all at once
    std::optional<rpc_error> failure_;
};

} // namespace oocrpc::mongodb
