#pragma once

#include "spawned.hpp"

#include <oocrpc/clock.hpp>
#include <oocrpc/component_group.hpp>
#include <oocrpc/error.hpp>

namespace oocrpc::test {

/// What the probes of a case did, in order: "+a" started, "-a" stopped.
using diary = std::vector<std::string>;

/// A component that writes down what happens to it, and fails as it is told.
class probe final : public component {
  public:
    probe(std::string name, diary& into) : component(std::move(name)), into_(into) {}

    using component::fail;
    void fail_now(const char* why) { fail(std::make_exception_ptr(std::runtime_error(why))); }

    int failing_starts = 0;         ///< that many, then it starts
    std::exception_ptr start_error; ///< of those; by default it says that it does not start
    bool failing_stop = false;
    std::exception_ptr stop_error; ///< by default it says that it does not stop well
    duration start_time{0}, stop_time{0};

  protected:
    awaitable<void> on_start() override {
        if (start_time > duration::zero()) co_await sleep_for(start_time);
        if (failing_starts > 0) {
            --failing_starts;
            into_.push_back("!" + name());
            if (start_error) std::rethrow_exception(start_error);
            throw std::runtime_error(name() + " does not start");
        }
        into_.push_back("+" + name());
    }
    awaitable<void> on_stop() override {
        try {
            if (stop_time > duration::zero()) co_await sleep_for(stop_time);
        } catch (const rpc_error&) {
            into_.push_back("~" + name()); // cut short
            co_return;
        }
        into_.push_back("-" + name());
        if (failing_stop && stop_error) std::rethrow_exception(stop_error);
        if (failing_stop) throw std::runtime_error(name() + " does not stop well");
    }

  private:
    diary& into_;
};

/// The text of what `work` throws, empty where it does not.
template <class T> awaitable<std::string> error_of(awaitable<T> work) {
    std::exception_ptr e;
    try {
        (void)co_await std::move(work);
    } catch (...) {
        e = std::current_exception();
    }
    co_return what(e);
}

} // namespace oocrpc::test
