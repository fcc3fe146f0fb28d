#include <oocrpc/testing/unhandled_log.hpp>

#include <mutex>

namespace oocrpc::testing {

std::string what(const std::exception_ptr& e) {
    if (!e) return "";
    try {
        std::rethrow_exception(e);
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "unknown";
    }
}

std::string text_of(const std::source_location& place) {
    if (place.line() == 0) return "a place unknown";
    return std::string(place.file_name()) + ":" + std::to_string(place.line());
}

struct unhandled_log::state {
    std::mutex mutex;
    std::vector<std::string> errors;
    std::vector<std::source_location> places;
};

/// Shares the state: another thread may be in here while the log goes.
struct unhandled_log::receive {
    void operator()(const std::exception_ptr& e, const std::source_location& made) const {
        std::lock_guard lock(to->mutex);
        to->errors.push_back(what(e));
        to->places.push_back(made);
    }
    std::shared_ptr<state> to;
};

unhandled_log::unhandled_log()
    : state_(std::make_shared<state>()),
      previous_(on_unhandled(receive{state_})) {}

unhandled_log::~unhandled_log() {
    on_unhandled(std::move(previous_));
}

std::vector<std::string> unhandled_log::errors() const {
    std::lock_guard lock(state_->mutex);
    return state_->errors;
}

std::vector<std::source_location> unhandled_log::places() const {
    std::lock_guard lock(state_->mutex);
    return state_->places;
}

bool unhandled_log::set(const unhandled_function& f) noexcept {
    return f.target<receive>() != nullptr;
}

} // namespace oocrpc::testing
