#include <oocrpc/task_group.hpp>

#include <oocrpc/detail/suspension.hpp>
#include <oocrpc/error.hpp>
#include <oocrpc/task_list.hpp>
#include <oocrpc/unhandled.hpp>
#include <utility>
#include <vector>

namespace oocrpc {
namespace {

struct task {
    task(const any_io_executor& ex, std::source_location made, const std::string& owner)
        : listed(ex, made, owner) {}

    task_list::entry listed;
    asio::cancellation_signal signal;
    std::size_t position = 0;
    bool ended = false;
};

} // namespace

/// Shared by the group and its tasks, which may outlive it.
struct task_group::state : std::enable_shared_from_this<state> {
    struct task_end;

    state(const any_io_executor& ex, std::string whose)
        : executor(ex),
          owner(std::move(whose)),
          suspensions(asio::use_service<detail::suspension_list>(
              asio::query(ex, asio::execution::context))) {}

    void spawn(awaitable<void> body, std::source_location made);
    void remove(task& t) noexcept;
    void ended(task& t, std::exception_ptr e);
    void fail(std::exception_ptr e, const std::source_location& made);
    void cancel();

    any_io_executor executor;
    const std::string owner;
    detail::suspension_list& suspensions; ///< valid as long as a task runs
    std::vector<std::shared_ptr<task>> tasks;
    std::exception_ptr error;
    std::source_location failed; ///< where the task was started that failed first
    detail::suspension* joining = nullptr;
    bool cancelled = false;
    bool abandoned = false;
};

/// What a task does when it ends; destroyed without being called where the loop is destroyed.
struct task_group::state::task_end {
    task_end(std::shared_ptr<state> s, std::shared_ptr<task> t)
        : group(std::move(s)),
          which(std::move(t)) {}
    task_end(task_end&&) = default;
    ~task_end() {
        if (group) group->remove(*which);
    }
    void operator()(std::exception_ptr e) {
        auto g = std::move(group);
        g->ended(*which, std::move(e));
    }

    std::shared_ptr<state> group;
    std::shared_ptr<task> which;
};

void task_group::state::spawn(awaitable<void> body, std::source_location made) {
    auto t = std::make_shared<task>(executor, made, owner);
    t->position = tasks.size();
    tasks.push_back(t);
    asio::co_spawn(executor, std::move(body),
                   asio::bind_cancellation_slot(t->signal.slot(), task_end(shared_from_this(), t)));
    if (cancelled && !t->ended) t->signal.emit(asio::cancellation_type::terminal);
}

void task_group::state::remove(task& t) noexcept {
    t.ended = true;
    tasks.back()->position = t.position;
    std::swap(tasks[t.position], tasks.back());
    tasks.pop_back();
}

void task_group::state::ended(task& t, std::exception_ptr e) {
    remove(t);
    if (e && !(cancelled && is_cancelled(e))) fail(std::move(e), t.listed.made());
    if (tasks.empty() && joining) joining->resume();
}

void task_group::state::fail(std::exception_ptr e, const std::source_location& made) {
    if (abandoned || error) return report_unhandled(std::move(e), made);
    failed = made;
    error = std::move(e);
    cancel();
}

void task_group::state::cancel() {
    cancelled = true;
    // Emitting may end tasks here and now, which changes the list and may drop the group.
    auto keep = shared_from_this();
    auto all = tasks;
    for (auto& t : all)
        if (!t->ended) t->signal.emit(asio::cancellation_type::terminal);
}

task_group::task_group(const any_io_executor& ex, std::string owner)
    : state_(std::make_shared<state>(ex, std::move(owner))) {}

task_group::~task_group() {
    state_->abandoned = true;
    if (auto e = std::exchange(state_->error, nullptr))
        report_unhandled(std::move(e), state_->failed);
    // Where the loop is being destroyed, what the signals would call is perhaps gone already.
    if (!empty() && !state_->suspensions.is_shut_down()) state_->cancel();
}

void task_group::spawn(awaitable<void> task, std::source_location made) {
    state_->spawn(std::move(task), made);
}

void task_group::cancel() {
    if (!empty()) state_->cancel();
}

std::size_t task_group::size() const noexcept {
    return state_->tasks.size();
}

awaitable<void> task_group::join() {
    auto s = state_;
    if (s->joining) throw std::logic_error("this group is being joined already");
    bool gave_up = false;
    detail::suspension suspended;
    auto give_up = [&] {
        gave_up = true;
        s->cancel();
    };
    // Cancelled or not, this waits; and again where a task was spawned after the last had ended.
    bool throwing = co_await this_coro::throw_if_cancelled();
    co_await this_coro::throw_if_cancelled(false);
    while (!s->tasks.empty()) {
        if (!gave_up && detail::is_requested(co_await this_coro::cancellation_state)) give_up();
        s->joining = &suspended;
        co_await suspended.wait(give_up);
        s->joining = nullptr;
    }
    co_await this_coro::throw_if_cancelled(throwing);
    s->cancelled = false;
    auto error = std::exchange(s->error, nullptr);
    if (gave_up && error) report_unhandled(std::exchange(error, nullptr), s->failed);
    if (gave_up) throw rpc_error(errc::cancelled);
    if (error) std::rethrow_exception(error);
}

} // namespace oocrpc
