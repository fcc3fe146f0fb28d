#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

#include <oocrpc/client.hpp>
#include <oocrpc/component.hpp>
#include <oocrpc/server.hpp>

namespace oocrpc {

// `made` is where the tasks, timers and sockets of a component come from, for people who look for
// what was left behind. component_group::add<C>() cannot know its caller: beside it, task_list has
// the path of the component.

/// Runs one coroutine from start to stop, which cancels and awaits it. It has failed when the
/// coroutine throws or returns while it runs.
class task_component : public component {
  public:
    /// `body` is called at each start.
    task_component(std::string name, std::function<awaitable<void>()> body,
                   std::source_location made = std::source_location::current());
    ~task_component() override;

  protected:
    awaitable<void> on_start() override;
    awaitable<void> on_stop() override;
    /// Called when it is to stop: cancels the coroutine. One that has something to finish may ask
    /// for that in its own way instead; being cut short, a stop cancels it in any case.
    virtual void ask_to_end();

  private:
    struct state;
    std::function<awaitable<void>()> body_;
    std::source_location made_;
    std::shared_ptr<state> state_;
};

/// Calls a function every so often, first when it starts; Twisted's TimerService.
///
/// A call that takes longer than the interval skips the times that have passed. It has failed when
/// the function throws.
class timer_component final : public task_component {
  public:
    timer_component(std::string name, duration interval, std::function<awaitable<void>()> f,
                    std::source_location made = std::source_location::current());
};

/// A server of the starting coroutine's executor: binds and accepts at start, drains at stop.
class server_component final : public component {
  public:
    /// Stopping waits for `options.drain_timeout` for the calls in flight.
    server_component(std::string name, std::vector<std::string> urls, handler serve,
                     server_options options = {},
                     std::source_location made = std::source_location::current());
    ~server_component() override;

    /// Where it listens, while it runs.
    std::vector<url> addresses() const;
    std::size_t connections() const noexcept;

  protected:
    awaitable<void> on_start() override;
    awaitable<void> on_stop() override;

  private:
    struct state;
    std::vector<std::string> urls_;
    handler serve_;
    server_options options_;
    std::source_location made_;
    std::shared_ptr<state> state_;
};

/// A client that is closed at stop. Starting does not connect: the first call does.
class client_component final : public component {
  public:
    /// Throws as client's constructor does.
    client_component(std::string name, any_io_executor executor, std::string_view to,
                     client_options options = {},
                     std::source_location made = std::source_location::current());

    /// Also while it does not run; calls are `unavailable` after stop().
    client& get() noexcept { return client_; }

  protected:
    awaitable<void> on_start() override;
    awaitable<void> on_stop() override;

  private:
    any_io_executor executor_;
    std::string to_;
    client_options options_;
    std::source_location made_;
    client client_;
};

} // namespace oocrpc
