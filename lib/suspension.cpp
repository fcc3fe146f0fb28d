#include <oocrpc/detail/suspension.hpp>

namespace oocrpc::detail {

suspension::~suspension() {
    if (list_) list_->remove(*this);
}

void suspension::resume() {
    if (auto h = release()) asio::post(std::move(*h));
}

void suspension::hold(handler h) {
    auto ex = asio::get_associated_executor(h);
    auto& context = asio::query(ex, asio::execution::context);
    handler_.emplace(std::move(h));
    asio::use_service<suspension_list>(context).add(*this);
}

std::optional<suspension::handler> suspension::release() {
    if (list_) list_->remove(*this);
    auto h = std::move(handler_);
    handler_.reset();
    return h;
}

void suspension_list::add(suspension& s) noexcept {
    std::lock_guard lock(mutex_);
    s.list_ = this;
    s.previous_ = nullptr;
    s.next_ = first_;
    if (first_) first_->previous_ = &s;
    first_ = &s;
}

void suspension_list::remove(suspension& s) noexcept {
    std::lock_guard lock(mutex_);
    (s.previous_ ? s.previous_->next_ : first_) = s.next_;
    if (s.next_) s.next_->previous_ = s.previous_;
    s.list_ = nullptr;
}

void suspension_list::shutdown() {
    shut_down_ = true;
    // Destroying a handler posts the unwinding of its coroutine to the context, which destroys
    // what is queued after this service has shut down. One at a time: that may remove others.
    while (first_) auto dropped = first_->release();
}

} // namespace oocrpc::detail
