#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <oocrpc/component.hpp>

namespace oocrpc {

/// What happens in a tree of components, for logs and metrics.
struct component_event {
    enum class kind { started, stopped, failed, restarting };
    kind what;
    const component& which;
    std::exception_ptr why;             ///< of `failed`
    std::chrono::milliseconds pause{0}; ///< of `restarting`: before it is started
};

/// Components that start in order and stop in reverse: Twisted's MultiService. A component itself,
/// so that groups make a tree.
///
/// What changes the group may overlap: a stop() cancels what is starting in it, by any of the
/// functions below, and returns once all of it has stopped.
class component_group : public component {
  public:
    explicit component_group(std::string name);
    /// Components that run still are destroyed as they are, the last first; one that is being
    /// restarted once that has been cancelled.
    ~component_group() override;

    /// Puts `c` at the end. Throws std::invalid_argument where the group has one of that name, and
    /// std::logic_error unless the group is stopped: use add_running() where it runs.
    component& add(std::unique_ptr<component> c, failure_policy policy = {});
    /// The same for one of a type, made in place: `group.add<timer_component>("tick", 1s, f)`.
    template <class C, class... Args>
        requires std::is_base_of_v<component, C>
    C& add(Args&&... args) {
        auto made = std::make_unique<C>(std::forward<Args>(args)...);
        auto& c = *made;
        add(std::move(made));
        return c;
    }
    /// Puts `c` at the end of a group that runs and starts it; where that fails, the group is as
    /// before and the error is thrown. Throws std::logic_error where the group does not run.
    awaitable<void> add_running(std::unique_ptr<component> c, failure_policy policy = {});
    /// Stops the component of that name, if it runs, takes it out and returns it; null where there
    /// is none. An error of stopping is told as `failed`; being cancelled cuts the stop short.
    awaitable<std::unique_ptr<component>> remove(std::string name);
    /// Starts `c`, where the group runs, puts it in the place of the component of the same name,
    /// and returns that one for the caller to stop: it runs still, unless it had failed.
    ///
    /// Throws only where it did not replace; then the old one stays: what the start throws,
    /// `cancelled` where the group was stopped or the old one taken out meanwhile,
    /// std::invalid_argument where there is none, std::logic_error while the group starts or stops.
    awaitable<std::unique_ptr<component>> replace(std::unique_ptr<component> c,
                                                  failure_policy policy = {});

    /// The component of that name, or of that path below this group (`proxy.cache`); null where
    /// there is none.
    component* find(std::string_view path) const noexcept;
    /// In the order in which they start.
    std::vector<component*> components() const;
    std::size_t size() const noexcept { return children_.size(); }

    /// Told of what happens to the components of this group and below. What it throws goes to
    /// on_unhandled().
    std::function<void(const component_event&)> on_event;

  protected:
    /// Starts all in order; where one fails, stops what was started, in reverse, and throws.
    awaitable<void> on_start() override;
    /// Stops all in reverse; throws the first error when all have stopped.
    awaitable<void> on_stop() override;

  private:
    friend component;
    struct child;
    using child_ptr = std::shared_ptr<child>;

    void require_running() const;
    child_ptr adopt(std::unique_ptr<component> c, failure_policy policy);
    std::unique_ptr<component> release(const child_ptr& which) noexcept;
    child_ptr child_of(std::string_view name) const noexcept;
    awaitable<void> start_at(std::string place, child_ptr next);
    awaitable<std::exception_ptr> stop_all(std::vector<child_ptr> which);
    void child_failed(component& c, std::exception_ptr why);
    void tell(const component_event& e) const;

    std::vector<child_ptr> children_;
    std::vector<child_ptr> next_; // replacements that are starting
};

} // namespace oocrpc
