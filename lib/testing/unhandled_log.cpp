#include <oocrpc/testing/unhandled_log.hpp>

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

struct unhandled_log::receive {
    void operator()(const std::exception_ptr& e, const std::source_location& made) const {
        to->errors.push_back(what(e));
        to->places.push_back(made);
    }
    unhandled_log* to;
};

unhandled_log::unhandled_log() : previous_(on_unhandled(receive{this})) {}

unhandled_log::~unhandled_log() {
    on_unhandled(std::move(previous_));
}

bool unhandled_log::set(const unhandled_function& f) noexcept {
    return f.target<receive>() != nullptr;
}

} // namespace oocrpc::testing
