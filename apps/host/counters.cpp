#include "counters.hpp"

#include <oocrpc/context.hpp>
#include <oocrpc/error.hpp>

namespace host {

using oocrpc::maybe_awaitable;
using oocrpc::message;

call_stats call_counters::now() const noexcept {
    call_stats s;
    s.finished = finished_.load(std::memory_order_acquire);
    s.failed = failed_.load(std::memory_order_acquire);
    s.cancelled = cancelled_.load(std::memory_order_acquire);
    s.begun = begun_.load(std::memory_order_relaxed); // after the others, so never fewer
    s.in_flight = s.begun - s.finished - s.failed - s.cancelled;
    return s;
}

void counted_call::end_with(const message& answer) noexcept {
    if (!answer.fault)
        finish();
    else if (answer.to_error_code() == oocrpc::errc::cancelled)
        end(&call_counters::cancelled_);
    else
        fail();
}

void counted_call::end_with(const std::exception_ptr& thrown) noexcept {
    end(oocrpc::is_cancelled(thrown) ? &call_counters::cancelled_ : &call_counters::failed_);
}

oocrpc::handler counted(oocrpc::handler inner, std::shared_ptr<call_counters> counters) {
    return [inner = std::move(inner), counters = std::move(counters)](
               oocrpc::context& c, message&& call) -> maybe_awaitable<message> {
        counted_call running(*counters);
        try {
            auto outcome = inner(c, std::move(call));
            if (outcome.ready())
                running.end_with(outcome.value());
            else
                c.at_end([r = std::move(running)](const message& m) mutable { r.end_with(m); });
            return outcome;
        } catch (...) {
            running.end_with(std::current_exception());
            throw;
        }
    };
}

} // namespace host
