#include <oocrpc/components.hpp>

#include <oocrpc/clock.hpp>
#include <oocrpc/error.hpp>
#include <oocrpc/task_group.hpp>

namespace oocrpc {

/// Shared with the coroutine, which may outlive a component that is destroyed while it runs.
struct task_component::state {
    state(const any_io_executor& ex, std::string path, std::function<awaitable<void>()> f)
        : tasks(ex, std::move(path)),
          body(std::move(f)) {}

    static awaitable<void> run(std::shared_ptr<state> self);

    task_group tasks;
    std::function<awaitable<void>()> body; ///< what its coroutine has captured
    task_component* owner = nullptr;       ///< null once it is to stop
};

awaitable<void> task_component::state::run(std::shared_ptr<state> self) {
    std::exception_ptr why;
    try {
        co_await self->body();
        why = std::make_exception_ptr(std::runtime_error("ended by itself"));
    } catch (...) {
        why = std::current_exception();
        if (!self->owner) throw;
    }
    if (self->owner) self->owner->fail(std::move(why));
}

task_component::task_component(std::string name, std::function<awaitable<void>()> body,
                               std::source_location made)
    : component(std::move(name)),
      body_(std::move(body)),
      made_(made) {}

task_component::~task_component() {
    if (!state_) return;
    state_->owner = nullptr;
    state_->tasks.cancel();
}

awaitable<void> task_component::on_start() {
    state_ = std::make_shared<state>(co_await this_coro::executor, path(), body_);
    state_->owner = this;
    state_->tasks.spawn(state::run(state_), made_);
}

awaitable<void> task_component::on_stop() {
    state_->owner = nullptr;
    ask_to_end();
    const auto stopping = std::exchange(state_, nullptr);
    co_await stopping->tasks.join(); // where this is cancelled, so is the coroutine
}

void task_component::ask_to_end() {
    state_->tasks.cancel();
}

namespace {

awaitable<void> call_every(duration interval, std::function<awaitable<void>()> f,
                           std::source_location made) {
    auto& time = clock::of(co_await this_coro::executor);
    auto next = time.now();
    for (;;) {
        co_await f();
        const auto passed = (time.now() - next) / interval;
        next += (passed + 1) * interval;
        co_await sleep_until(next, made);
    }
}

} // namespace

timer_component::timer_component(std::string name, duration interval,
                                 std::function<awaitable<void>()> f, std::source_location made)
    : task_component(
          std::move(name),
          [interval, f = std::move(f), made] { return call_every(interval, f, made); }, made) {
    if (interval <= duration::zero())
        throw std::invalid_argument("the interval of a timer must be more than nothing");
}

struct server_component::state {
    state(const any_io_executor& ex, std::string path, const server_options& how)
        : on(ex, how),
          running(ex, std::move(path)) {}

    /// The server's own coroutine; tells the component where it ends otherwise than by stop().
    static awaitable<void> run(std::shared_ptr<state> self, handler serve);

    server on;
    task_group running;
    server_component* owner = nullptr; ///< null once it is to stop
};

awaitable<void> server_component::state::run(std::shared_ptr<state> self, handler serve) {
    std::exception_ptr why;
    try {
        co_await self->on.run(std::move(serve));
        why = std::make_exception_ptr(std::runtime_error("ended by itself"));
    } catch (...) {
        why = std::current_exception();
        if (!self->owner) throw;
    }
    if (self->owner) self->owner->fail(std::move(why));
}

server_component::server_component(std::string name, std::vector<std::string> urls, handler serve,
                                   server_options options, std::source_location made)
    : component(std::move(name)),
      urls_(std::move(urls)),
      serve_(std::move(serve)),
      options_(std::move(options)),
      made_(made) {}

server_component::~server_component() {
    if (state_) state_->owner = nullptr;
}

awaitable<void> server_component::on_start() {
    auto next = std::make_shared<state>(co_await this_coro::executor, path(), options_);
    for (const auto& at : urls_) next->on.listen(at, made_);
    state_ = next;
    next->owner = this;
    next->running.spawn(state::run(next, serve_), made_);
}

awaitable<void> server_component::on_stop() {
    auto stopping = std::exchange(state_, nullptr);
    stopping->owner = nullptr;
    stopping->on.drain();
    co_await stopping->running.join(); // where this is cancelled, so is the drain
}

std::vector<url> server_component::addresses() const {
    return state_ ? state_->on.addresses() : std::vector<url>();
}

std::size_t server_component::connections() const noexcept {
    return state_ ? state_->on.connections() : 0;
}

client_component::client_component(std::string name, any_io_executor executor, std::string_view to,
                                   client_options options, std::source_location made)
    : component(std::move(name)),
      executor_(std::move(executor)),
      to_(to),
      options_(std::move(options)),
      made_(made),
      client_(executor_, to_, options_, made_) {}

awaitable<void> client_component::on_start() {
    client_ = client(executor_, to_, options_, made_); // the one before may have been closed
    co_return;
}

awaitable<void> client_component::on_stop() {
    client_.close();
    co_return;
}

} // namespace oocrpc
