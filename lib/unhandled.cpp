#include <oocrpc/unhandled.hpp>

#include <memory>
#include <mutex>
#include <utility>

namespace oocrpc {
namespace {

struct hook {
    std::mutex mutex;
    std::shared_ptr<const unhandled_function> function;
};

/// Never destroyed: errors may be dropped by destructors that run after main().
hook& the_hook() {
    static auto* instance = new hook;
    return *instance;
}

} // namespace

unhandled_function on_unhandled(unhandled_function f) {
    auto next = f ? std::make_shared<const unhandled_function>(std::move(f)) : nullptr;
    auto& h = the_hook();
    std::lock_guard lock(h.mutex);
    std::swap(h.function, next);
    return next ? *next : unhandled_function();
}

void report_unhandled(std::exception_ptr e, const std::source_location& made) noexcept {
    std::shared_ptr<const unhandled_function> f;
    {
        auto& h = the_hook();
        std::lock_guard lock(h.mutex);
        f = h.function;
    }
    // Called without the mutex: the function may set another.
    try {
        if (f) (*f)(std::move(e), made);
    } catch (...) { // the error has no owner, nor has this one
    }
}

} // namespace oocrpc
