#include <oocrpc/testing/run.hpp>

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <asio/executor_work_guard.hpp>

#include <oocrpc/task_list.hpp>
#include <oocrpc/testing/unhandled_log.hpp>

namespace oocrpc::testing {
namespace {

/// Collects what goes to on_unhandled() while a case runs, unless the case wants it itself.
class unhandled_errors {
  public:
    unhandled_errors() {
        previous_ = on_unhandled([this](std::exception_ptr e, const std::source_location& made) {
            if (unhandled_log::set(previous_)) return previous_(std::move(e), made);
            std::lock_guard lock(mutex_);
            text_ += "\n  an error that nobody received, " + what(e) + ", of what was made at " +
                     text_of(made);
        });
    }
    unhandled_errors(unhandled_errors&&) = delete;
    ~unhandled_errors() { on_unhandled(std::move(previous_)); }

    std::string text() const {
        std::lock_guard lock(mutex_);
        return text_;
    }

  private:
    mutable std::mutex mutex_;
    std::string text_;
    unhandled_function previous_;
};

/// One loop with one case.
class test_loop {
  public:
    test_loop() { network::use(io_, net_); }

    void drive(detail::body& f, duration limit);
    /// What is still there, a line for each.
    std::string remains() const;
    /// Runs what is left to run and returns what is left then.
    std::string finish();

  private:
    /// Runs what is ready; where nothing is, lets time pass, or waits for the system.
    bool progress() { return run_ready() || advance() || io_.run_one_for(system_limit) > 0; }
    /// One by one: of handlers that post others, poll() sees no end.
    bool run_ready() {
        bool some = false;
        for (; io_.poll_one() > 0; some = true) count_spin();
        return some;
    }
    bool advance() {
        const auto before = time_.now();
        if (!time_.advance_to_next()) return false;
        if (time_.now() > before) spins_ = 0;
        return true;
    }
    void count_spin() {
        if (++spins_ > spin_limit)
            throw stuck("this case spins: " + std::to_string(spin_limit) +
                        " handlers ran without time passing" + remains());
    }

    asio::io_context io_;
    clock& time_ = clock::of(io_);
    std::shared_ptr<memory_network> net_ = std::make_shared<memory_network>();
    std::size_t spins_ = 0; // handlers since time passed
};

void test_loop::drive(detail::body& f, duration limit) {
    time_.use_virtual();
    const auto latest = time_.after(limit);
    bool done = false;
    std::exception_ptr error;
    asio::co_spawn(io_, f(io_, *net_), [&](std::exception_ptr e) {
        done = true;
        error = e;
    });
    const auto working = asio::make_work_guard(io_);
    while (!done) {
        if (!progress())
            throw stuck("nothing is left that could end this case: deadlock" + remains());
        if (time_.now() > latest)
            throw stuck("this case went beyond the limit of virtual time" + remains());
    }
    if (error) std::rethrow_exception(error);
}

std::string test_loop::remains() const {
    std::string text;
    auto& io = const_cast<asio::io_context&>(io_);
    for (auto& task : task_list::of(io).all())
        text += "\n  a task" + (task.owner.empty() ? "" : " of " + task.owner) +
                " that was started at " + text_of(task.made);
    for (auto& made : time_.armed_at()) text += "\n  a timer that was made at " + text_of(made);
    for (auto& socket : net_->open())
        text += "\n  a " + socket.what + " that was made at " + text_of(socket.made);
    return text;
}

std::string test_loop::finish() {
    io_.restart();
    run_ready();
    auto text = remains();
    if (text.empty() && !io_.stopped())
        text = "\n  work in the loop: a coroutine, or an operation of a socket";
    return text;
}

} // namespace

void detail::run_case(body f, duration limit) {
    unhandled_errors unhandled;
    std::string left;
    {
        test_loop loop;
        loop.drive(f, limit);
        left = loop.finish();
    }
    // Also those of what went with the loop.
    left += unhandled.text();
    if (!left.empty()) throw stuck("this case leaves behind:" + left);
}

awaitable<void> settle() {
    for (int i = 0; i < 20; ++i) co_await asio::post(use_awaitable);
}

} // namespace oocrpc::testing
