#include <oocrpc/call_deadline.hpp>
#include <oocrpc/call_options.hpp>

namespace oocrpc {
namespace {

const char* adjective(deadline_origin origin) {
    switch (origin) {
    case deadline_origin::none:
        return "no";
    case deadline_origin::by_default:
        return "default";
    case deadline_origin::call:
        return "call";
    case deadline_origin::inherited:
        return "inherited";
    case deadline_origin::caller:
        return "caller's";
    case deadline_origin::server:
        return "server";
    }
    return "";
}

} // namespace

std::int64_t call_deadline::left_ms(clock_type::time_point now) const noexcept {
    if (origin == deadline_origin::none) return -1;
    if (at <= now) return 0;
    return std::chrono::ceil<std::chrono::milliseconds>(at - now).count();
}

std::string call_deadline::text() const {
    return std::string(adjective(origin)) + " deadline of " + std::to_string(span.count()) +
           " ms passed";
}

call_deadline call_deadline::after(std::chrono::milliseconds span, clock_type::time_point now,
                                   deadline_origin origin) noexcept {
    // A span that the clock cannot hold is no deadline that anyone will see pass.
    const auto room = clock_type::time_point::max() - now;
    const auto longest = std::chrono::floor<std::chrono::milliseconds>(room);
    return {span < longest ? now + span : clock_type::time_point::max(), span, origin};
}

const call_deadline& earlier(const call_deadline& a, const call_deadline& b) noexcept {
    if (!a) return b;
    return b && b.at < a.at ? b : a;
}

call_deadline deadline::resolve(call_deadline::clock_type::time_point now,
                                const call_deadline& inherited,
                                std::chrono::milliseconds by_default) const noexcept {
    if (fixed_) return *fixed_;
    auto bound = inherited;
    if (bound) bound.origin = deadline_origin::inherited;
    if (span_) return earlier(call_deadline::after(*span_, now, deadline_origin::call), bound);
    if (bound || given_) return bound;
    return call_deadline::after(by_default, now, deadline_origin::by_default);
}

} // namespace oocrpc
