#include <oocrpc/network.hpp>

#include <mutex>

namespace oocrpc {
namespace {

/// The network of one context.
class network_of_context : public asio::execution_context::service {
  public:
    using key_type = network_of_context;
    inline static asio::execution_context::id id;

    explicit network_of_context(asio::execution_context& context)
        : asio::execution_context::service(context) {}

    std::shared_ptr<network> get() {
        std::lock_guard lock(mutex_);
        return used_;
    }
    void set(std::shared_ptr<network> n) {
        std::lock_guard lock(mutex_);
        used_.swap(n);
    }

  private:
    // Streams of it may be destroyed after this, but nothing is opened any more.
    void shutdown() override { set(nullptr); }

    std::mutex mutex_;
    std::shared_ptr<network> used_ = network::system();
};

} // namespace

std::shared_ptr<network> network::of(asio::execution_context& context) {
    auto used = asio::use_service<network_of_context>(context).get();
    return used ? used : system();
}

std::shared_ptr<network> network::of(const any_io_executor& ex) {
    return of(asio::query(ex, asio::execution::context));
}

void network::use(asio::execution_context& context, std::shared_ptr<network> n) {
    asio::use_service<network_of_context>(context).set(std::move(n));
}

awaitable<std::unique_ptr<byte_stream>> connect_stream(url to, std::source_location made) {
    auto by = network::of(co_await this_coro::executor);
    co_return co_await by->connect(std::move(to), made);
}

std::unique_ptr<listener> listener::open(any_io_executor executor, url at, port_sharing sharing,
                                         std::source_location made) {
    const auto by = network::of(executor);
    return by->listen(std::move(executor), std::move(at), sharing, made);
}

} // namespace oocrpc
