#include <oocrpc/component.hpp>

#include <stdexcept>

#include <oocrpc/component_group.hpp>
#include <oocrpc/unhandled.hpp>

namespace oocrpc {

component::component(std::string name) : name_(std::move(name)) {
    if (name_.empty() || name_.find('.') != std::string::npos)
        throw std::invalid_argument("'" + name_ + "' is no name of a component");
}

component::~component() = default;

std::string component::path() const {
    if (!parent_ || !parent_->parent()) return name_;
    return parent_->path() + "." + name_;
}

awaitable<void> component::start() {
    if (state_ != state::stopped) throw std::logic_error(name_ + " has been started already");
    state_ = state::starting;
    early_failure_ = nullptr;
    try {
        co_await on_start();
    } catch (...) {
        state_ = state::stopped;
        throw;
    }
    state_ = state::running;
    if (!early_failure_) co_return;
    try {
        co_await stop();
    } catch (const std::exception&) { // why it failed first is what matters
    }
    std::rethrow_exception(std::exchange(early_failure_, nullptr));
}

awaitable<void> component::stop() {
    if (state_ == state::stopping) {
        auto stopped = *when_stopped_;
        co_await stopped.wait();
        co_return;
    }
    if (state_ != state::running) co_return;
    state_ = state::stopping;
    when_stopped_.emplace();
    std::exception_ptr failure;
    try {
        co_await on_stop();
    } catch (...) {
        failure = std::current_exception();
    }
    state_ = state::stopped;
    std::exchange(when_stopped_, std::nullopt)->fire();
    if (failure) std::rethrow_exception(failure);
}

void component::fail(std::exception_ptr why) {
    if (state_ == state::starting) {
        if (!early_failure_) early_failure_ = std::move(why);
    } else if (state_ != state::running) {
        report_unhandled(std::move(why));
    } else if (parent_) {
        parent_->child_failed(*this, std::move(why));
    } else {
        fail_alone(std::move(why));
    }
}

void component::fail_alone(std::exception_ptr why) {
    report_unhandled(std::move(why));
}

} // namespace oocrpc
