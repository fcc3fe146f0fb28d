#include "counters.hpp"

#include <oocrpc/context.hpp>
#include <oocrpc/error.hpp>

namespace host {

using oocrpc::maybe_awaitable;
using oocrpc::message;

call_stats call_counters::now() const noexcept {
    call_stats s;
    do { // a call that ends meanwhile must not count twice
        s.in_flight = running_.load(std::memory_order_acquire);
        s.finished = finished_.load(std::memory_order_relaxed);
        s.failed = failed_.load(std::memory_order_relaxed);
        s.cancelled = cancelled_.load(std::memory_order_acquire);
    } while (s.in_flight != running_.load(std::memory_order_relaxed));
    s.begun = s.in_flight + s.finished + s.failed + s.cancelled;
    return s;
}

call_counters::counter call_counters::* call_counters::kind_of(const message& answer) noexcept {
    if (!answer.fault) return &call_counters::finished_;
    return answer.to_error_code() == oocrpc::errc::cancelled ? &call_counters::cancelled_
                                                             : &call_counters::failed_;
}

call_counters::counter call_counters::*
call_counters::kind_of(const std::exception_ptr& thrown) noexcept {
    return oocrpc::is_cancelled(thrown) ? &call_counters::cancelled_ : &call_counters::failed_;
}

void call_counters::add(const message& answer) noexcept {
    (this->*kind_of(answer)).fetch_add(1, std::memory_order_relaxed);
}

void call_counters::add(const std::exception_ptr& thrown) noexcept {
    (this->*kind_of(thrown)).fetch_add(1, std::memory_order_relaxed);
}

void counted_call::end_with(const message& answer) noexcept {
    end(call_counters::kind_of(answer));
}

oocrpc::handler counted(oocrpc::handler inner, std::shared_ptr<call_counters> counters) {
    return [inner = std::move(inner), counters = std::move(counters)](
               oocrpc::context& c, message&& call) -> maybe_awaitable<message> {
        try {
            auto outcome = inner(c, std::move(call));
            if (outcome.ready()) {
                counters->add(outcome.value());
                return outcome;
            }
            c.at_end([running = counted_call(*counters)](const message& m) mutable {
                running.end_with(m);
            });
            return outcome;
        } catch (...) {
            counters->add(std::current_exception());
            throw;
        }
    };
}

} // namespace host
