// A caching proxy for poems, the first of three steps: proxy1 UPSTREAM LISTEN.
#include "poetry.hpp"

#include <iostream>
#include <map>

using oocrpc::awaitable;
using poem_name = std::optional<std::string>;

class proxy {
  public:
    explicit proxy(oocrpc::client upstream) : upstream_(std::move(upstream)) {}

    // A poem that is kept is there now, any other comes later: two functions, one shape.
    awaitable<std::string> get(poem_name name) {
        if (kept_.contains(name)) return oocrpc::as_awaitable(&proxy::recall, this, name);
        return oocrpc::as_awaitable(&proxy::download, this, name);
    }

  private:
    std::string recall(const poem_name& name) { return kept_.at(name); }

    awaitable<std::string> download(poem_name name) {
        auto poem = co_await upstream_.call(get_poem, name);
        kept_[name] = poem;
        co_return poem;
    }

    oocrpc::client upstream_;
    std::map<poem_name, std::string> kept_;
};

int main(int argc, char** argv) {
    if (argc != 3) return 64;
    asio::io_context io(1);
    proxy cache(oocrpc::client(io.get_executor(), argv[1]));
    oocrpc::service poetry("poetry");
    poetry.on(get_poem, [&](poem_name name) { return cache.get(name); });
    oocrpc::server server(io.get_executor());
    std::cout << "ready on " << server.listen(argv[2]).to_string() << std::endl;
    asio::co_spawn(io, server.run(poetry), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
    io.run();
}
