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

} // namespace oocrpc::detail
