// A caching proxy for poems, the second of three steps: proxy2 UPSTREAM LISTEN.
#include "poetry.hpp"

#include <iostream>
#include <map>

using oocrpc::awaitable;
using poem_name = std::optional<std::string>;
using poem_promise = oocrpc::promise<std::string>;

class proxy {
  public:
    proxy(asio::io_context& io, std::string_view upstream)
        : upstream_(io.get_executor(), upstream),
          downloads_(io.get_executor()) {}

    // A poem that is kept is a promise that has fired, any other one that will.
    poem_promise get(poem_name name) {
        if (auto found = kept_.find(name); found != kept_.end())
            return poem_promise::resolved(found->second);
        poem_promise poem;
        downloads_.spawn(download(name, poem));
        return poem;
    }

  private:
    awaitable<void> download(poem_name name, poem_promise poem) {
        try {
            auto text = co_await upstream_.call(get_poem, name);
            kept_[name] = text;
            poem.fire(std::move(text));
        } catch (...) {
            poem.fail(std::current_exception());
        }
    }

    oocrpc::client upstream_;
    oocrpc::task_group downloads_;
    std::map<poem_name, std::string> kept_;
};

int main(int argc, char** argv) {
    if (argc != 3) return 64;
    asio::io_context io(1);
    proxy cache(io, argv[1]);
    oocrpc::service poetry("poetry");
    poetry.on(get_poem, [&](poem_name name) { return cache.get(name).wait(); });
    oocrpc::server server(io.get_executor());
    std::cout << "ready on " << server.listen(argv[2]).to_string() << std::endl;
    asio::co_spawn(io, server.run(poetry), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
    io.run();
}
