#include <oocrpc/layers.hpp>

#include <oocrpc/clock.hpp>
#include <oocrpc/context.hpp>

namespace oocrpc {
namespace {

/// Runs `inner` and tells `ended` how it went: the answer, or null and what was thrown. `ended`
/// is destroyed in any case, also with a coroutine that never came to its end.
template <class Ended> awaitable<message> wait_for(awaitable<message> work, Ended ended) {
    std::exception_ptr failure;
    message answer;
    try {
        answer = co_await std::move(work);
    } catch (...) {
        failure = std::current_exception();
    }
    ended(failure ? nullptr : &answer, failure);
    if (failure) std::rethrow_exception(failure);
    co_return answer;
}

template <class Ended>
maybe_awaitable<message> observe(const handler& inner, context& c, message&& call, Ended ended) {
    try {
        auto outcome = inner(c, std::move(call));
        if (outcome.pending()) {
            c.at_end([ended = std::move(ended)](const message& m) mutable { ended(&m, nullptr); });
            return outcome;
        }
        if (!outcome.ready()) return wait_for(outcome.wait(), std::move(ended));
        ended(&outcome.value(), nullptr);
        return outcome;
    } catch (...) {
        ended(nullptr, std::current_exception());
        throw;
    }
}

void describe(call_record& record, const message* answer, const std::exception_ptr& failure) {
    if (answer) {
        if (!answer->fault) return;
        record.error = answer->fault->message;
        record.detail = answer->fault->detail;
        return;
    }
    record.error = to_string(is_cancelled(failure) ? errc::cancelled : errc::internal);
    try {
        std::rethrow_exception(failure);
    } catch (const rpc_error& e) {
        record.error = e.message();
        record.detail = e.detail();
    } catch (const std::exception& e) {
        record.detail = e.what();
    } catch (...) {
    }
}

} // namespace

handler logged(handler inner, std::function<void(const call_record&)> log) {
    return [inner = std::move(inner),
            log = std::move(log)](context& c, message&& call) -> maybe_awaitable<message> {
        auto& time = clock::of(c.executor());
        auto ended = [&c, &log, &time, begun = time.now()](const message* answer,
                                                           const std::exception_ptr& failure) {
            call_record record{c.method(), c.info().address, time.now() - begun, {}, {}};
            describe(record, answer, failure);
            log(record);
        };
        return observe(inner, c, std::move(call), std::move(ended));
    };
}

handler with_timeout(handler inner, std::chrono::milliseconds span) {
    return [inner = std::move(inner), span](context& c, message&& call) {
        c.end_after(span);
        return inner(c, std::move(call));
    };
}

} // namespace oocrpc
