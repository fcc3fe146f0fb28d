#include "connection_list.hpp"

#include <vector>

namespace oocrpc::detail {
namespace {

constexpr std::size_t cancels_of_a_turn = 16;

} // namespace

void connection_list::shutdown() {
    std::vector<std::shared_ptr<connection>> living;
    {
        std::lock_guard lock(mutex_);
        for (auto* c : all_) {
            c->list_ = nullptr; // the context, and this with it, may be gone before the connection
            if (auto alive = c->weak_from_this().lock()) living.push_back(std::move(alive));
        }
        all_.clear();
        living.insert(living.end(), ending_.begin(), ending_.end());
        ending_.clear();
    }
    for (auto& c : living) c->forget_everybody();
}

void connection_list::cancel_in_turn(std::shared_ptr<connection> c) {
    {
        std::lock_guard lock(mutex_);
        ending_.push_back(std::move(c));
        if (std::exchange(cancelling_, true)) return;
    }
    cancel_next();
}

void connection_list::cancel_next() {
    std::shared_ptr<connection> next;
    {
        std::lock_guard lock(mutex_);
        cancelling_ = !ending_.empty();
        if (!cancelling_) return;
        next = std::move(ending_.front());
        ending_.pop_front();
    }
    asio::post(next->executor_, [this, next] {
        const auto some = next->dispatcher_.running_where(
            cancels_of_a_turn, [](const oocrpc::context& call) { return !call.cancelled(); });
        // Cancelling one may end others.
        for (auto key : some)
            if (auto* call = next->dispatcher_.find_running(key)) next->cancel_running(*call);
        if (some.size() == cancels_of_a_turn) {
            std::lock_guard lock(mutex_);
            ending_.push_back(next);
        }
        cancel_next();
    });
}

std::vector<suspended_call> connection_list::suspended() {
    std::vector<std::shared_ptr<connection>> living;
    {
        std::lock_guard lock(mutex_);
        for (auto* c : all_)
            if (auto alive = c->weak_from_this().lock()) living.push_back(std::move(alive));
    }
    std::vector<suspended_call> all;
    for (const auto& c : living)
        for (auto& call : c->suspended()) all.push_back(std::move(call));
    return all;
}

} // namespace oocrpc::detail

namespace oocrpc {

std::vector<suspended_call> suspended_calls(asio::execution_context& context) {
    return asio::use_service<detail::connection_list>(context).suspended();
}

} // namespace oocrpc
