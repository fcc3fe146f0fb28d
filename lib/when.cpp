#include <oocrpc/when.hpp>

#include <string>

namespace oocrpc {
namespace {

std::string text_of(const std::exception_ptr& e) {
    try {
        std::rethrow_exception(e);
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "an exception of unknown type";
    }
}

std::string text_of_all(const std::vector<std::exception_ptr>& errors) {
    std::string text = "all " + std::to_string(errors.size()) + " failed";
    for (std::size_t i = 0; i < errors.size() && i < 10; ++i)
        text += (i == 0 ? ": " : "; ") + text_of(errors[i]);
    if (errors.size() > 10) text += "; ...";
    return text;
}

} // namespace

first_error::first_error(std::size_t index, std::exception_ptr cause)
    : std::runtime_error("child " + std::to_string(index) + " failed: " + text_of(cause)),
      index_(index),
      cause_(std::move(cause)) {}

failure_group::failure_group(std::vector<std::exception_ptr> errors)
    : std::runtime_error(text_of_all(errors)),
      errors_(std::make_shared<const std::vector<std::exception_ptr>>(std::move(errors))) {}

namespace detail {

void throw_first_error(const child_group& group) {
    auto index = *group.decider();
    throw first_error(index, group.error(index));
}

void throw_failure_group(const child_group& group) {
    std::vector<std::exception_ptr> errors;
    for (std::size_t i = 0; i < group.size(); ++i) errors.push_back(group.error(i));
    throw failure_group(std::move(errors));
}

void require_children(std::size_t n) {
    if (n == 0) throw std::invalid_argument("there is nothing to choose from");
}

} // namespace detail
} // namespace oocrpc
