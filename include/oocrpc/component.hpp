#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <string>

#include <oocrpc/asio.hpp>

namespace oocrpc {

class component_group;

/// A part of a program that starts, runs and stops: a listening server, a client, a cache, a
/// timer; Twisted's Service.
///
/// Derive from it and say what starting and stopping mean. It belongs to one executor, that of the
/// coroutines that start and stop it, and to at most one group. Does not copy or move. It may be
/// destroyed as soon as a stop() returns, and not while it starts or stops.
class component {
  public:
    /// `name` is for logs and for component_group::find(), unique within a group. Throws
    /// std::invalid_argument where it is empty or has a dot.
    explicit component(std::string name);
    component(const component&) = delete;
    component& operator=(const component&) = delete;
    virtual ~component();

    const std::string& name() const noexcept { return name_; }
    /// The names of its groups and its own, joined by dots, without the root's. One that was taken
    /// out of its group keeps the path that it had.
    std::string path() const;
    /// True from the end of start() to the beginning of stop().
    bool running() const noexcept { return state_ == state::running; }
    /// The group that it is in, null where it is in none.
    component_group* parent() const noexcept { return parent_; }

    /// Starts it. When this returns, it does what it is for: a server accepts.
    ///
    /// What fails is thrown, and leaves nothing started; so does being cancelled, and a stop()
    /// meanwhile: both cancel what is starting, wait for it and throw `cancelled`. Throws
    /// std::logic_error where it has been started already.
    awaitable<void> start();
    /// Stops it and waits until nothing of it is left; does nothing where it is stopped. Where it
    /// is starting, that is cancelled and awaited; where another stop() is under way, this waits
    /// for the same.
    ///
    /// Being cancelled shortens that for all who wait: what was finishing is cancelled, then this
    /// returns. An error is thrown, to the first who asked, once all of it has stopped.
    awaitable<void> stop();

  protected:
    virtual awaitable<void> on_start() = 0;
    virtual awaitable<void> on_stop() = 0;
    /// It has failed while it was running: tells the group, whose policy says what follows. While
    /// it starts, that is cancelled and start() throws `why`.
    void fail(std::exception_ptr why);
    /// It has failed and is in no group: on_unhandled() is told, unless something better is known.
    virtual void fail_alone(std::exception_ptr why);

  private:
    friend component_group;
    enum class state { stopped, starting, running, stopping };
    struct work;

    awaitable<void> run_start(std::shared_ptr<work> self);
    awaitable<void> run_stop(std::shared_ptr<work> self);

    std::string name_;
    std::string former_path_; // in the group that it was taken out of
    component_group* parent_ = nullptr;
    state state_ = state::stopped;
    any_io_executor executor_;   // where it was started
    std::shared_ptr<work> work_; // the last start or stop
};

/// What a group does when a component of it fails while it runs.
enum class on_failure {
    stop,    ///< the group fails as well, and so on up to the application, which stops
    restart, ///< it is stopped and started again, after a pause that doubles each time
    ignore,  ///< it is stopped; the others go on
};

/// What a group does when one of its components fails, and how long it waits before it starts it
/// again: `first`, then twice as long each time up to `most`; from the beginning after it has run
/// for `most`.
struct failure_policy {
    on_failure action = on_failure::stop;
    std::chrono::milliseconds first{100};
    std::chrono::milliseconds most{30'000};
};

} // namespace oocrpc
