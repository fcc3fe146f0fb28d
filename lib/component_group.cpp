#include <oocrpc/component_group.hpp>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include <oocrpc/clock.hpp>
#include <oocrpc/error.hpp>
#include <oocrpc/task_group.hpp>
#include <oocrpc/unhandled.hpp>

namespace oocrpc {

/// Shared with the coroutines that start, stop or recover it, since it may be taken out meanwhile.
struct component_group::child {
    child(std::unique_ptr<component> c, failure_policy p) : what(std::move(c)), policy(p) {}

    std::unique_ptr<component> what;
    failure_policy policy;
    time_point started{};
    unsigned restarts = 0; ///< since it last ran for a while
    /// The one task that stops it after a failure, and starts it again.
    std::optional<task_group> recovery;
};

component_group::component_group(std::string name) : component(std::move(name)) {}

component_group::~component_group() {
    while (!children_.empty()) {
        children_.back()->recovery.reset();
        children_.pop_back();
    }
}

component& component_group::add(std::unique_ptr<component> c, failure_policy policy) {
    if (running()) throw std::logic_error(name() + " runs; add_running() starts what it adds");
    return *adopt(std::move(c), policy)->what;
}

component_group::child_ptr component_group::adopt(std::unique_ptr<component> c,
                                                  failure_policy policy) {
    if (child_of(c->name()))
        throw std::invalid_argument(name() + " has a component named '" + c->name() + "' already");
    c->parent_ = this;
    return children_.emplace_back(std::make_shared<child>(std::move(c), policy));
}

std::unique_ptr<component> component_group::release(const child_ptr& which) noexcept {
    const auto at = std::find(children_.begin(), children_.end(), which);
    if (at == children_.end()) return nullptr; // somebody else was faster
    children_.erase(at);
    which->what->parent_ = nullptr;
    return std::move(which->what);
}

awaitable<void> component_group::add_running(std::unique_ptr<component> c, failure_policy policy) {
    if (!running()) throw std::logic_error(name() + " does not run");
    auto added = adopt(std::move(c), policy);
    std::exception_ptr failure;
    try {
        co_await start_child(added);
        // It may have been stopped meanwhile, and did not know of this one's being on its way.
        if (running()) co_return;
        failure = std::make_exception_ptr(rpc_error(errc::cancelled));
        co_await stop_child(added);
    } catch (...) {
        if (!failure) failure = std::current_exception();
    }
    auto dropped = release(added);
    std::rethrow_exception(failure);
}

awaitable<std::unique_ptr<component>> component_group::remove(std::string name) {
    auto found = child_of(name);
    if (!found) co_return nullptr;
    std::exception_ptr failure;
    try {
        co_await stop_child(found);
    } catch (...) {
        failure = std::current_exception();
    }
    auto out = release(found);
    if (failure) std::rethrow_exception(failure);
    co_return out;
}

awaitable<std::unique_ptr<component>> component_group::replace(std::unique_ptr<component> c,
                                                               failure_policy policy) {
    auto old = child_of(c->name());
    if (!old) throw std::invalid_argument(name() + " has no component named '" + c->name() + "'");
    auto next = std::make_shared<child>(std::move(c), policy);
    next->what->parent_ = this;
    if (running()) co_await start_child(next);
    const auto at = std::find(children_.begin(), children_.end(), old);
    if (at == children_.end()) { // taken out meanwhile: then there is nothing to replace
        co_await next->what->stop();
        throw rpc_error(errc::cancelled);
    }
    *at = next;
    if (old->recovery) {
        old->recovery->cancel();
        co_await old->recovery->join();
    }
    old->what->parent_ = nullptr;
    co_return std::move(old->what);
}

component* component_group::find(std::string_view path) const noexcept {
    const auto dot = path.find('.');
    const auto found = child_of(path.substr(0, dot));
    if (!found || dot == std::string_view::npos) return found ? found->what.get() : nullptr;
    const auto* group = dynamic_cast<const component_group*>(found->what.get());
    return group ? group->find(path.substr(dot + 1)) : nullptr;
}

component_group::child_ptr component_group::child_of(std::string_view name) const noexcept {
    const auto at = std::find_if(children_.begin(), children_.end(),
                                 [&](const child_ptr& c) { return c->what->name() == name; });
    return at == children_.end() ? nullptr : *at;
}

std::vector<component*> component_group::components() const {
    std::vector<component*> all;
    for (const auto& c : children_) all.push_back(c->what.get());
    return all;
}

awaitable<void> component_group::start_child(child_ptr which) {
    which->recovery.emplace(co_await this_coro::executor);
    co_await which->what->start();
    which->started = clock::of(co_await this_coro::executor).now();
    tell({component_event::kind::started, *which->what, nullptr});
}

awaitable<void> component_group::stop_child(child_ptr which) {
    if (which->recovery) {
        which->recovery->cancel();
        co_await which->recovery->join();
    }
    if (!which->what->running()) co_return;
    co_await which->what->stop();
    tell({component_event::kind::stopped, *which->what, nullptr});
}

awaitable<void> component_group::on_start() {
    std::vector<child_ptr> started;
    std::exception_ptr failure;
    const auto all = children_;
    for (const auto& c : all) {
        try {
            co_await start_child(c);
            started.push_back(c);
        } catch (...) {
            failure = std::current_exception();
            break;
        }
    }
    if (!failure) co_return;
    // Stopping awaits, also where it was a cancel that ended the start.
    co_await this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    co_await stop_all(std::move(started));
    std::rethrow_exception(failure);
}

awaitable<void> component_group::on_stop() {
    if (const auto failure = co_await stop_all(children_)) std::rethrow_exception(failure);
}

/// Stops them in reverse and returns the first error. A task group does the waiting: once this is
/// cancelled, each of the stops that follow is begun and cancelled, so that nothing is skipped.
awaitable<std::exception_ptr> component_group::stop_all(std::vector<child_ptr> which) {
    std::exception_ptr first;
    task_group stopping(co_await this_coro::executor);
    co_await this_coro::throw_if_cancelled(false);
    for (auto c = which.rbegin(); c != which.rend(); ++c) {
        try {
            stopping.spawn(stop_child(*c));
            co_await stopping.join();
        } catch (...) {
            if (!first) first = std::current_exception();
        }
    }
    co_return first;
}

void component_group::child_failed(component& c, std::exception_ptr why) {
    tell({component_event::kind::failed, c, why});
    const auto found = child_of(c.name());
    // One that was replaced, or is being stopped and started already, has no more to say.
    if (!found || found->what.get() != &c || !found->recovery->empty()) return;
    if (found->policy.action == on_failure::stop) return fail(std::move(why));
    found->recovery->spawn(recover(found));
}

/// Stops a component that failed, and starts it again where its policy says so.
awaitable<void> component_group::recover(child_ptr which) {
    const auto& policy = which->policy;
    auto& time = clock::of(co_await this_coro::executor);
    if (time.now() - which->started >= policy.most) which->restarts = 0;
    try {
        co_await which->what->stop();
    } catch (const std::exception&) { // it is known to have failed
        report_unhandled(std::current_exception());
    }
    while (policy.action == on_failure::restart) {
        auto pause = std::min(policy.first, policy.most);
        for (unsigned i = 0; i < which->restarts && pause < policy.most; ++i)
            pause = std::min(pause * 2, policy.most);
        ++which->restarts;
        component_event event{component_event::kind::restarting, *which->what, nullptr, pause};
        tell(event);
        co_await sleep_for(pause);
        std::exception_ptr failure;
        try {
            co_await which->what->start();
        } catch (...) {
            failure = std::current_exception();
        }
        which->started = time.now();
        event.what = failure ? component_event::kind::failed : component_event::kind::started;
        event.why = failure;
        event.pause = {};
        tell(event);
        if (!failure) co_return;
        if (is_cancelled(failure)) std::rethrow_exception(failure);
    }
}

void component_group::tell(const component_event& e) const {
    if (on_event) on_event(e);
    if (parent()) parent()->tell(e);
}

} // namespace oocrpc
