// Whole sessions over the network in memory: a server, clients of each protocol, strangers who send
// what they like, and a link that delays, splits and breaks. The bytes are what happens, in order.
// Whatever that is, every call ends once, drains end, and nothing and nobody is left.

#include "session_parts.hpp"

#include <oocrpc/testing/run.hpp>

namespace fuzz {
namespace {

using namespace std::chrono_literals;
using oocrpc::awaitable;

class play {
  public:
    play(const oocrpc::any_io_executor& ex, oocrpc::testing::memory_network& net)
        : ex_(ex),
          host_(net.host("alpha")),
          tasks_(ex) {}

    awaitable<void> run(oocrpc::bytes data) {
        serve();
        input in(data.first(std::min<std::size_t>(data.size(), 2000)));
        for (int i = 0; i < 200 && !in.empty(); ++i) {
            step(in);
            const auto wait = in.byte();
            if (wait % 4 == 1) co_await asio::post(oocrpc::use_awaitable);
            if (wait % 4 == 2) co_await oocrpc::testing::settle();
            if (wait % 4 == 3) co_await oocrpc::sleep_for(std::chrono::milliseconds(10 * wait));
            memory_.check();
        }
        co_await end();
    }

  private:
    void step(input& in) {
        switch (in.byte() % 8) {
        case 0:
        case 1:
            return call(in);
        case 2:
            return give_up(in);
        case 3:
            return link(in);
        case 4:
            return ends_meet(in);
        case 5:
            return strangers_.open(in.byte());
        default:
            return strangers_.step(in);
        }
    }

    void call(input& in) {
        if (operations_.size() >= 100) return;
        auto& who = clients_[in.byte() % std::size(client_urls)];
        const auto& at = client_urls[static_cast<std::size_t>(&who - clients_)];
        if (!who) who = std::make_unique<oocrpc::client>(ex_, at, client_limits());
        auto& one = operations_.emplace_back();
        const auto how = in.byte();
        auto m = call_of(how, in);
        oocrpc::call_options options;
        if (const auto ms = in.byte()) options.when = std::chrono::milliseconds(16 * ms);
        if (how & 128)
            return tasks_.spawn(
                take_stream(who->open(std::move(m), options, 1 + how % 3), one, in.byte()));
        who->async_call(
            std::move(m), std::move(options),
            asio::bind_cancellation_slot(one.cancel.slot(),
                                         [&one](std::error_code, oocrpc::message) { ++one.ends; }));
    }

    static awaitable<void> take_stream(awaitable<std::shared_ptr<oocrpc::message_stream>> opening,
                                       operation& one, unsigned items) {
        try {
            const auto stream = co_await std::move(opening);
            one.stream = stream;
            for (unsigned i = 0; i < items; ++i) {
                const auto m = co_await stream->next();
                if (m.kind != oocrpc::message_kind::item) break;
            }
            stream->cancel();
        } catch (const oocrpc::rpc_error&) {
        }
        ++one.ends;
    }

    void give_up(input& in) {
        if (operations_.empty()) return;
        auto& one = operations_[in.byte() % operations_.size()];
        one.cancel.emit(asio::cancellation_type::total);
        if (const auto s = one.stream.lock()) s->cancel();
    }

    void link(input& in) {
        const auto n = in.number();
        switch (in.byte() % 8) {
        case 0:
            return host_.delay(std::chrono::milliseconds(n % 1000));
        case 1:
            return host_.split(n % 64);
        case 2:
            return host_.cut();
        case 3:
            return host_.cut_after_received(n % 2000);
        case 4:
            return host_.cut_after_sent(n % 2000);
        case 5:
            return host_.partition();
        case 6:
            return host_.refuse();
        case 7:
            return host_.heal();
        }
    }

    void ends_meet(input& in) {
        switch (in.byte() % 6) {
        case 0:
        case 1:
            return servers_.back()->drain();
        case 2:
            return serve(); // beside those that drain
        case 3:
            return servers_.back().reset(), serve();
        case 4:
            return clients_[in.byte() % std::size(client_urls)].reset();
        case 5:
            if (const auto& one = clients_[in.byte() % std::size(client_urls)]) one->close();
        }
    }

    /// A new server, unless the address is still taken.
    void serve() {
        auto next = std::make_unique<oocrpc::server>(ex_, server_limits());
        try {
            next->listen("oocrpc://alpha:9000");
        } catch (const oocrpc::rpc_error&) {
            if (!servers_.back()) servers_.back() = std::move(next);
            return;
        }
        tasks_.spawn(next->run(handlers_.serve()));
        if (!servers_.empty() && !servers_.back()) servers_.pop_back();
        servers_.push_back(std::move(next));
    }

    awaitable<void> end() {
        for (const auto& s : servers_) s->drain();
        co_await oocrpc::sleep_for(1s);
        host_.heal();
        co_await oocrpc::sleep_for(60s); // longer than every call and every drain
        for (const auto& one : operations_) require(one.ends == 1, "a call ends once");
        for (const auto& s : servers_) require(s->connections() == 0, "a drain ends");
        require(handlers_.running() == 0, "no handler is left");
        for (auto& one : clients_) one.reset();
        strangers_.leave();
        co_await tasks_.join();
    }

    oocrpc::any_io_executor ex_;
    oocrpc::testing::memory_host host_;
    memory_bound memory_;
    handlers handlers_;
    std::vector<std::unique_ptr<oocrpc::server>> servers_;
    std::unique_ptr<oocrpc::client> clients_[std::size(client_urls)];
    std::deque<operation> operations_; // references stay
    oocrpc::task_group tasks_;
    strangers strangers_{tasks_};
};

} // namespace

void session(oocrpc::bytes data) {
    oocrpc::testing::run(
        [data](oocrpc::testing::memory_network& net) -> awaitable<void> {
            play s(co_await oocrpc::this_coro::executor, net);
            co_await s.run(data);
        },
        1h);
}

} // namespace fuzz
