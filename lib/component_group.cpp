#include <oocrpc/component_group.hpp>

#include <algorithm>
#include <stdexcept>

#include "group_child.hpp"
#include <oocrpc/error.hpp>
#include <oocrpc/unhandled.hpp>

namespace oocrpc {

component_group::component_group(std::string name) : component(std::move(name)) {}

component_group::~component_group() {
    for (const auto& c : next_) c->abandon();
    for (; !children_.empty(); children_.pop_back()) children_.back()->abandon();
}

component& component_group::add(std::unique_ptr<component> c, failure_policy policy) {
    if (running()) throw std::logic_error(name() + " runs; add_running() starts what it adds");
    if (state_ != state::stopped) throw std::logic_error(name() + " is starting or stopping");
    return *adopt(std::move(c), policy)->what;
}

void component_group::require_running() const {
    if (!running()) throw std::logic_error(name() + " does not run");
}

component_group::child_ptr component_group::adopt(std::unique_ptr<component> c,
                                                  failure_policy policy) {
    if (child_of(c->name()))
        throw std::invalid_argument(name() + " has a component named '" + c->name() + "' already");
    return children_.emplace_back(std::make_shared<child>(std::move(c), policy, *this));
}

/// Null where somebody else was faster.
std::unique_ptr<component> component_group::release(const child_ptr& which) noexcept {
    return std::erase(children_, which) ? which->take_out() : nullptr;
}

awaitable<void> component_group::add_running(std::unique_ptr<component> c, failure_policy policy) {
    require_running();
    const auto added = adopt(std::move(c), policy);
    std::exception_ptr failure;
    try {
        co_await start_at(added->what->name(), added);
    } catch (...) {
        failure = std::current_exception();
    }
    if (!failure) co_return;
    if (!added->leaving) const auto dropped = release(added);
    std::rethrow_exception(failure);
}

/// Starts `next`, which has its place there or is to take it, and stops it again where the group
/// or the place is no more by then.
awaitable<void> component_group::start_at(std::string place, child_ptr next) {
    co_await child::start(next);
    const auto there = child_of(place);
    if (running() && there && !there->leaving) co_return;
    co_await this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    co_await child::stop(next);
    throw rpc_error(errc::cancelled);
}

awaitable<std::unique_ptr<component>> component_group::remove(std::string name) {
    const auto found = child_of(name);
    if (!found) co_return nullptr;
    found->leaving = true;
    co_await child::stop(found);
    co_return release(found);
}

awaitable<std::unique_ptr<component>> component_group::replace(std::unique_ptr<component> c,
                                                               failure_policy policy) {
    const auto place = c->name();
    if (!child_of(place))
        throw std::invalid_argument(name() + " has no component named '" + place + "'");
    const auto next = std::make_shared<child>(std::move(c), policy, *this);
    if (state_ != state::stopped) {
        require_running();
        next_.push_back(next);
        std::exception_ptr failure;
        try {
            co_await start_at(place, next);
        } catch (...) {
            failure = std::current_exception();
        }
        std::erase(next_, next);
        if (failure) std::rethrow_exception(failure);
    }
    const auto at = std::ranges::find(children_, child_of(place));
    const auto old = std::exchange(*at, next);
    co_return old->take_out();
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

awaitable<void> component_group::on_start() {
    std::vector<child_ptr> started;
    std::exception_ptr failure;
    const auto all = children_;
    for (const auto& c : all) {
        if (c->leaving) continue;
        try {
            co_await child::start(c);
            started.push_back(c);
        } catch (...) {
            if (c->leaving) continue;
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
    auto all = children_;
    all.insert(all.end(), next_.begin(), next_.end());
    if (const auto failure = co_await stop_all(std::move(all))) std::rethrow_exception(failure);
}

/// Stops them in reverse and returns the first error. Once this is cancelled, each of the stops
/// that follow is begun and cancelled, so that nothing is skipped.
awaitable<std::exception_ptr> component_group::stop_all(std::vector<child_ptr> which) {
    std::exception_ptr first;
    co_await this_coro::throw_if_cancelled(false);
    for (auto c = which.rbegin(); c != which.rend(); ++c) {
        const auto failure = co_await child::stop(*c);
        if (!first) first = failure;
    }
    co_return first;
}

/// One that was replaced has no more to say.
void component_group::child_failed(component& c, std::exception_ptr why) {
    const auto is_it = [&](const child_ptr& one) { return one->what.get() == &c; };
    for (const auto* among : {&children_, &next_}) {
        const auto found = std::ranges::find_if(*among, is_it);
        if (found != among->end()) return child_ptr(*found)->failed(std::move(why));
    }
}

void component_group::tell(const component_event& e) const {
    try {
        if (on_event) on_event(e);
    } catch (...) {
        report_unhandled(std::current_exception());
    }
    if (parent()) parent()->tell(e);
}

} // namespace oocrpc
