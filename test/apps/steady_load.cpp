// Calls without an end, for tests of what must not disturb a client: steady_load URL CONNECTIONS
// LANES [apart]. Each lane makes one call of demo after the other; some have a delay, some a
// stream. A line on stdin is answered by how many calls there were so far, and the end of stdin by
// the same once all lanes have ended. Failures are written as they come. With `apart` the lanes
// run in another thread than the client, where they have no streams.
#include <iostream>
#include <thread>

#include <unistd.h>

#include <asio/buffer.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include "demo/methods.hpp"
#include <oocrpc/client.hpp>
#include <oocrpc/task_group.hpp>

namespace {

using namespace oocrpc;

class load {
  public:
    load(any_io_executor home, asio::io_context& loop, const std::string& url,
         std::size_t connections)
        : client_(home, url, with(connections)),
          apart_(home != loop.get_executor()),
          input_(loop, ::dup(STDIN_FILENO)) {}

    awaitable<int> run(int lanes) {
        task_group tasks(co_await this_coro::executor);
        for (int i = 0; i < lanes; ++i) tasks.spawn(lane(i));
        co_await answer_questions();
        stop_ = true;
        co_await tasks.join();
        client_.close();
        tell();
        co_return failed_ == 0 ? 0 : 1;
    }

  private:
    static client_options with(std::size_t connections) {
        client_options options;
        options.connections = connections;
        return options;
    }

    void tell() const { std::cout << calls_ << " calls, " << failed_ << " failed" << std::endl; }

    awaitable<void> answer_questions() {
        char line[64];
        for (;;) {
            auto [ec, size] = co_await input_.async_read_some(asio::buffer(line), use_tuple);
            if (ec) co_return;
            tell();
        }
    }

    awaitable<void> lane(int number) {
        for (int i = number; !stop_; ++i) {
            std::string why;
            try {
                why = co_await call(i);
            } catch (const std::exception& e) {
                why = e.what();
            }
            ++calls_;
            if (why.empty()) continue;
            ++failed_;
            std::cout << "failed: lane " << number << ", call " << i << ": " << why << std::endl;
            co_await sleep_for(std::chrono::milliseconds(10));
        }
    }

    /// Empty, or what is wrong with the answer.
    awaitable<std::string> call(int i) {
        if (i % 8 == 1) { // runs while a drain begins
            const int ms = co_await client_.call(demo::sleep_ms, i % 32);
            co_return ms == i % 32 ? "" : "sleep_ms is wrong";
        }
        if (i % 8 == 5 && !apart_) {
            auto items = co_await client_.open(demo::count_slow, 5, 3);
            int seen = 0;
            while (auto item = co_await items.next()) ++seen;
            co_return seen == 5 ? "" : "the stream is cut";
        }
        const int sum = co_await client_.call(demo::add, i, 1);
        co_return sum == i + 1 ? "" : "add is wrong";
    }

    client client_;
    bool apart_;
    asio::posix::stream_descriptor input_;
    bool stop_ = false;
    std::uint64_t calls_ = 0, failed_ = 0;
};

} // namespace

int main(int argc, char** argv) {
    if (argc < 4) return 64;
    asio::io_context loop(1), other(1);
    auto& home = argc > 4 ? other : loop;
    auto busy = asio::make_work_guard(other);
    std::thread thread([&] { other.run(); });
    int code = 70;
    {
        load calls(home.get_executor(), loop, argv[1], std::stoul(argv[2]));
        asio::co_spawn(loop, calls.run(std::stoi(argv[3])), [&](std::exception_ptr e, int result) {
            if (e) std::rethrow_exception(e);
            code = result;
        });
        loop.run();
    }
    busy.reset();
    thread.join();
    return code;
}
