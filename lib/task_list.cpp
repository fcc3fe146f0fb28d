#include <oocrpc/task_list.hpp>

#include <mutex>
#include <utility>

namespace oocrpc {

struct task_list::entry::list {
    std::mutex mutex;
    entry* first = nullptr;
    entry* last = nullptr;
};

task_list& task_list::of(asio::execution_context& context) {
    return asio::use_service<task_list>(context);
}

task_list& task_list::of(const any_io_executor& ex) {
    return of(asio::query(ex, asio::execution::context));
}

task_list::task_list(asio::execution_context& context)
    : asio::execution_context::service(context),
      list_(std::make_shared<entry::list>()) {}

task_list::~task_list() = default;

std::vector<task_list::item> task_list::all() const {
    std::lock_guard lock(list_->mutex);
    std::vector<item> items;
    for (auto* e = list_->first; e; e = e->next_) items.push_back(e->what_);
    return items;
}

task_list::entry::entry(const any_io_executor& ex, std::source_location made, std::string owner)
    : what_{made, clock::of(ex).now(), std::move(owner)},
      in_(of(ex).list_) {
    std::lock_guard lock(in_->mutex);
    previous_ = in_->last;
    (previous_ ? previous_->next_ : in_->first) = this;
    in_->last = this;
}

task_list::entry::~entry() {
    std::lock_guard lock(in_->mutex);
    (previous_ ? previous_->next_ : in_->first) = next_;
    (next_ ? next_->previous_ : in_->last) = previous_;
}

} // namespace oocrpc
