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
class component_group : public component {
  public:
    explicit component_group(std::string name);
    /// Components that run still are destroyed as they are, the last first.
    ~component_group() override;

    /// Puts `c` at the end. Throws std::invalid_argument where the group has one of that name, and
    /// std::logic_error where the group runs: use add_running() then.
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
    /// before and the error is thrown.
    awaitable<void> add_running(std::unique_ptr<component> c, failure_policy policy = {});
    /// Stops the component of that name, if it runs, takes it out and returns it; null where there
    /// is none. What stopping throws is thrown when it is out.
    awaitable<std::unique_ptr<component>> remove(std::string name);
    /// Takes the place of the component of the same name: starts `c` and returns the old one, which
    /// runs still and is the caller's to stop. Where `c` does not start, the old one stays and the
    /// error is thrown.
    awaitable<std::unique_ptr<component>> replace(std::unique_ptr<component> c,
                                                  failure_policy policy = {});

    /// The component of that name, or of that path below this group (`proxy.cache`); null where
    /// there is none.
    component* find(std::string_view path) const noexcept;
    /// In the order in which they start.
    std::vector<component*> components() const;
    std::size_t size() const noexcept { return children_.size(); }

    /// Told of what happens to the components of this group and below.
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

    child_ptr adopt(std::unique_ptr<component> c, failure_policy policy);
    std::unique_ptr<component> release(const child_ptr& which) noexcept;
    child_ptr child_of(std::string_view name) const noexcept;
    awaitable<void> start_child(child_ptr which);
    awaitable<void> stop_child(child_ptr which);
    awaitable<std::exception_ptr> stop_all(std::vector<child_ptr> which);
    void child_failed(component& c, std::exception_ptr why);
    awaitable<void> recover(child_ptr which);
    void tell(const component_event& e) const;

    std::vector<child_ptr> children_;
};

} // namespace oocrpc
