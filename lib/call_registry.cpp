#include <oocrpc/call_registry.hpp>

#include "random_bits.hpp"

namespace oocrpc {

std::int64_t number_table::next_number() {
    if (!random_) return ++last_;
    for (;;) {
        const auto n = static_cast<std::int64_t>(detail::random_bits() >> 1);
        if (n > last_ && !entries_.contains(n)) return n;
    }
}

std::int64_t number_table::add(entry what) {
    std::lock_guard lock(mutex_);
    const auto number = next_number();
    entries_.emplace(number, std::move(what));
    return number;
}

number_table::entry number_table::find(std::int64_t number) const {
    std::lock_guard lock(mutex_);
    const auto at = entries_.find(number);
    return at == entries_.end() ? nullptr : at->second;
}

std::vector<std::pair<std::int64_t, number_table::entry>> number_table::all() const {
    std::lock_guard lock(mutex_);
    return {entries_.begin(), entries_.end()};
}

std::size_t number_table::size() const {
    std::lock_guard lock(mutex_);
    return entries_.size();
}

bool number_table::forget(std::int64_t number) {
    entry last; // its end may come here again
    std::lock_guard lock(mutex_);
    const auto at = entries_.find(number);
    if (at == entries_.end()) return false;
    last = std::move(at->second);
    entries_.erase(at);
    return true;
}

bool number_table::end(std::int64_t number) {
    const auto what = find(number);
    return what && post(number, [what] { what->end(); });
}

bool number_table::remove(std::int64_t number) {
    entry what;
    std::lock_guard lock(mutex_);
    const auto at = entries_.find(number);
    if (at == entries_.end()) return false;
    what = std::move(at->second);
    entries_.erase(at);
    asio::post(what->home(), [what] { what->end(); });
    return true;
}

std::vector<number_table::entry> number_table::take_all(const any_io_executor& home) {
    std::vector<entry> taken;
    std::lock_guard lock(mutex_);
    for (auto at = entries_.begin(); at != entries_.end();) {
        if (at->second->home() == home) {
            taken.push_back(std::move(at->second));
            at = entries_.erase(at);
        } else {
            ++at;
        }
    }
    return taken;
}

void call_registry::leave(const any_io_executor& home) {
    calls.take_all(home);
    for (const auto& cursor : cursors.take_all(home)) cursor->end();
}

} // namespace oocrpc
