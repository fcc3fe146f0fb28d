#include "connection_list.hpp"

#include <vector>

namespace oocrpc::detail {
void connection_list::shutdown() {
    std::vector<std::shared_ptr<connection>> living;
    {
        std::lock_guard lock(mutex_);
        for (auto* c : all_) {
            c->list_ = nullptr; // the context, and this with it, may be gone before the connection
            if (auto alive = c->weak_from_this().lock()) living.push_back(std::move(alive));
        }
        all_.clear();
    }
    for (auto& c : living) c->forget_everybody();
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
