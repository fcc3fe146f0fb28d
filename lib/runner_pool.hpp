#pragma once

#include <memory>
#include <vector>

#include <oocrpc/connection.hpp>

namespace oocrpc::detail {

/// The coroutines of a connection that await its handlers.
///
/// A runner takes a call, awaits the handler, hands over the answer and waits for the next call; a
/// new one is spawned only when none waits. That is about twice as fast as a co_spawn per call.
class runner_pool : public std::enable_shared_from_this<runner_pool> {
  public:
    explicit runner_pool(any_io_executor executor) : executor_(std::move(executor)) {}

    /// Runs `work`, the handler of `call`, and finishes the call with what it returns.
    void run(std::shared_ptr<connection> owner, std::unique_ptr<context> call,
             awaitable<message> work);
    /// Ends the runners that wait; the others end with their call.
    void close() noexcept {
        closed_ = true;
        const auto ended = std::exchange(idle_, {}), unused = std::exchange(fresh_, {});
    }

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
        void begin(context& call);
        static void end(context& call);

        asio::cancellation_signal signal;
        call_scope* scope; // kept by executor
        call_executor executor;
        long references = 0; // to the scope, while no work of a handler has one
    };
    struct waiting {
        unique_function<job> resume; // owns the coroutine, which keeps its runner
        runner* self;
    };

    void spawn(job first);
    auto next(runner& self);
    static awaitable<void> serve(std::shared_ptr<runner_pool> pool, std::shared_ptr<runner> self);

    any_io_executor executor_;
    std::vector<waiting> idle_;
    std::vector<waiting> fresh_; // whose first call is on its way to them
    bool closed_ = false;
};

} // namespace oocrpc::detail
