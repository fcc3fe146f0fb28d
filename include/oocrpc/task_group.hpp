#pragma once

#include <cstddef>
#include <memory>
#include <oocrpc/asio.hpp>
#include <source_location>
#include <string>

namespace oocrpc {

/// Tasks that live no longer than the place that started them: a nursery.
///
/// Used on the given executor only, where the tasks run. The first task to fail cancels the others;
/// so does cancel(). Errors that come after the first, or that nobody can join() any more, go to
/// on_unhandled(); that a task which was cancelled ends with a cancellation is no error.
class task_group {
  public:
    /// `owner` is whose tasks they are in the task_list, such as the path of a component.
    explicit task_group(const any_io_executor& ex, std::string owner = {});
    task_group(task_group&&) = delete;
    /// Cancels the tasks that still run, without waiting for them.
    ~task_group();

    /// Starts a task, up to where it first suspends. In a group that has been cancelled and not
    /// joined since, it is cancelled there. `made` is where it was started, for people.
    void spawn(awaitable<void> task, std::source_location made = std::source_location::current());

    /// Waits until no task is left and throws the first error. Tasks may be spawned meanwhile; the
    /// group can be used again afterwards. Cancelling the awaiting coroutine cancels the tasks,
    /// waits for them and throws `cancelled`. One at a time: a second throws std::logic_error.
    awaitable<void> join();

    /// Asks all tasks to stop. join() then succeeds, unless one fails otherwise.
    void cancel();

    /// How many tasks still run.
    std::size_t size() const noexcept;
    bool empty() const noexcept { return size() == 0; }

  private:
    struct state;
    std::shared_ptr<state> state_;
};

} // namespace oocrpc
