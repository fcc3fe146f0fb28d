#pragma once

#include <optional>

#include <oocrpc/clock.hpp>
#include <oocrpc/component_group.hpp>
#include <oocrpc/task_group.hpp>

namespace oocrpc {

/// One component of a group, and what is done about its failures.
///
/// Shared with the coroutines that start, stop and recover it, since it may be taken out, and the
/// group destroyed, meanwhile: after each wait they look at what is left.
struct component_group::child : std::enable_shared_from_this<child> {
    child(std::unique_ptr<component> c, failure_policy p, component_group& in);
    child(child&&) = delete;
    ~child();

    static awaitable<void> start(child_ptr self);
    /// Stops it, calls off its recovery, and returns what stopping threw, which has been told.
    static awaitable<std::exception_ptr> stop(child_ptr self);
    /// It failed while it ran.
    void failed(std::exception_ptr why);
    /// From here on it belongs to the caller.
    std::unique_ptr<component> take_out() noexcept;
    /// The group is being destroyed.
    void abandon() noexcept;

    std::unique_ptr<component> what; ///< null once it is taken out
    failure_policy policy;
    component_group* group; ///< null as well, and once the group is gone
    bool leaving = false;   ///< it is being taken out

  private:
    struct recovery;

    static awaitable<std::exception_ptr> stop_and_tell(child_ptr self);
    static awaitable<void> recover(child_ptr self, std::shared_ptr<recovery> mine);
    static awaitable<bool> restart(child_ptr self, std::shared_ptr<recovery> mine);
    std::chrono::milliseconds next_pause();
    void call_off() noexcept;
    void tell(component_event::kind what_happened, std::exception_ptr why = nullptr,
              std::chrono::milliseconds pause = {}) const;

    time_point started_{};
    unsigned restarts_ = 0;                ///< since it last ran for a while
    std::shared_ptr<recovery> recovering_; ///< after a failure, until it runs again
};

} // namespace oocrpc
