// A caching proxy for poems, the third of three steps: proxy3 UPSTREAM LISTEN.
#include "poetry.hpp"

#include <iostream>
#include <map>
#include <memory>

using poem_name = std::optional<std::string>;
using poem_promise = oocrpc::promise<std::string>;

class proxy {
  public:
    proxy(asio::io_context& io, std::string_view upstream)
        : io_(io),
          upstream_(io.get_executor(), upstream) {}

    // The first who asks starts the download, the others wait for the same promise.
    poem_promise get(poem_name name) {
        if (auto found = poems_.find(name); found != poems_.end()) return found->second;
        auto poem = download(name);
        poems_.emplace(name, poem);
        return poem;
    }

  private:
    // When the last who waits has hung up, the promise is cancelled: then the call stops.
    poem_promise download(poem_name name) {
        auto stop = std::make_shared<asio::cancellation_signal>();
        poem_promise poem([this, name, stop](poem_promise&) {
            poems_.erase(name);
            stop->emit(asio::cancellation_type::terminal);
        });
        auto done = [this, name, stop, poem](std::exception_ptr error, std::string text) mutable {
            if (poem.fired()) return; // cancelled
            if (!error) return poem.fire(std::move(text));
            poems_.erase(name); // who asks next tries again
            poem.fail(error);
        };
        asio::co_spawn(io_, upstream_.call(get_poem, name),
                       asio::bind_cancellation_slot(stop->slot(), std::move(done)));
        return poem;
    }

    asio::io_context& io_;
    oocrpc::client upstream_;
    std::map<poem_name, poem_promise> poems_; // on their way, or there
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
