#pragma once

// Who takes part in a session.

#include "input.hpp"

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <oocrpc/client.hpp>
#include <oocrpc/server.hpp>
#include <oocrpc/service.hpp>
#include <oocrpc/task_group.hpp>
#include <oocrpc/testing/scripted_peer.hpp>

namespace fuzz {

inline constexpr const char* client_urls[] = {
    "oocrpc://alpha:9000",
    "mongodb://alpha:9000/demo",
    "mongodb://alpha:9000/demo?compressors=snappy",
};

// Small, so that they are reached.
oocrpc::client_options client_limits();
oocrpc::server_options server_limits();

/// A call that one of our clients makes; `how` chooses the method, the rest are arguments.
oocrpc::message call_of(unsigned how, input& in);

struct operation {
    asio::cancellation_signal cancel;
    std::weak_ptr<oocrpc::message_stream> stream;
    int ends = 0;
};

/// What the server serves: answers at once, late, in pieces, never, with a call back.
class handlers {
  public:
    handlers();
    oocrpc::handler serve() const { return demo_; }
    /// Coroutines that have not ended.
    int running() const noexcept { return *running_; }

  private:
    std::shared_ptr<int> running_ = std::make_shared<int>(0);
    oocrpc::service demo_{"demo"};
};

/// Connections of somebody who sends whole frames, parts of them, and anything else.
class strangers {
  public:
    explicit strangers(oocrpc::task_group& tasks) : tasks_(tasks) {}

    void open(unsigned how);
    void step(input& in);
    void leave();

  private:
    struct stranger;
    static oocrpc::awaitable<void> come(std::shared_ptr<stranger> s, bool reads);
    static oocrpc::awaitable<void> send(std::shared_ptr<stranger> s);
    void say(const std::shared_ptr<stranger>& s, std::string words);

    oocrpc::task_group& tasks_;
    std::vector<std::shared_ptr<stranger>> all_;
};

/// The memory of the process, where the sanitizer counts it.
class memory_bound {
  public:
    memory_bound();
    /// What the session takes is bounded, whatever happens in it.
    void check() const;

  private:
    [[maybe_unused]] std::size_t before_; // where there is no sanitizer
};

} // namespace fuzz
