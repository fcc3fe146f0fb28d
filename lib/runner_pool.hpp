#pragma once

#include <vector>

#include <oocrpc/connection.hpp>

namespace oocrpc::detail {

/// The coroutines of a connection that await its handlers.
///
/// A runner takes a call, awaits the handler, hands over the answer and waits for the next call; a
/// new one is spawned only when none waits. That is about twice as fast as a co_spawn per call.
class runner_pool {
  public:
    explicit runner_pool(any_io_executor executor) : executor_(std::move(executor)) {}

    /// Runs `work`, the handler of `call`, and finishes the call with what it returns.
    void run(std::shared_ptr<connection> owner, std::unique_ptr<context> call,
             awaitable<message> work);
    /// Ends the runners that wait.
    void clear() noexcept { const auto ended = std::exchange(idle_, {}); }

  private:
    struct job {
        std::shared_ptr<connection> owner;
        std::unique_ptr<context> call;
        awaitable<message> work;
    };
    struct runner {
        explicit runner(const any_io_executor& executor)
            : scope(new call_scope(executor)),
              executor(scope) {}
        asio::cancellation_signal signal;
        call_scope* scope; // kept by executor
        call_executor executor;
    };

    void spawn(job first);
    auto next();
    static awaitable<void> serve(runner_pool* pool, std::shared_ptr<runner> self, job next);
    static awaitable<bool> serve_one(runner& self, job& next);

    any_io_executor executor_;
    std::vector<unique_function<job>> idle_;
};

} // namespace oocrpc::detail
