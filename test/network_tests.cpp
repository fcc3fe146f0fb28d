#include "support/run.hpp"
#include "support/temporary.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <oocrpc/client.hpp>
#include <oocrpc/network.hpp>
#include <oocrpc/server.hpp>
#include <oocrpc/service.hpp>

using namespace oocrpc;
using namespace oocrpc::test;

namespace {

constexpr method<int(int, int)> add{"calc.add", {"a", "b"}};

/// Counts what is asked of it, and leads everything to one place.
class leading final : public network {
  public:
    explicit leading(url to) : to_(std::move(to)) {}
    awaitable<std::unique_ptr<byte_stream>> connect(url, std::source_location made) override {
        ++connects;
        lines.push_back(made.line());
        return system()->connect(to_, made);
    }
    std::unique_ptr<listener> listen(any_io_executor executor, url, port_sharing sharing,
                                     std::source_location made) override {
        ++listens;
        lines.push_back(made.line());
        return system()->listen(std::move(executor), to_, sharing, made);
    }
    int connects = 0, listens = 0;
    std::vector<unsigned> lines;

  private:
    url to_;
};

int listening_socket(const std::string& path, bool listening = true) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    path.copy(at.sun_path, sizeof(at.sun_path) - 1);
    REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof(at)) == 0);
    if (listening) REQUIRE(::listen(fd, 8) == 0);
    return fd;
}

/// What our sockets with that port say of TCP_NODELAY, listening ones aside.
std::vector<int> no_delay_of_sockets(std::uint16_t port) {
    std::vector<int> all;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        const int fd = std::stoi(entry.path().filename().string());
        sockaddr_in at{};
        socklen_t size = sizeof(at), int_size = sizeof(int);
        int listens = 0, no_delay = 0;
        if (::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) != 0) continue;
        ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &int_size);
        if (at.sin_family != AF_INET || at.sin_port != htons(port) || listens) continue;
        ::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &int_size);
        all.push_back(no_delay);
    }
    return all;
}

} // namespace

TEST_SUITE("network") {

TEST_CASE("servers and clients use the network of their loop, and say where they were made") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        const temporary_path path;
        auto used = std::make_shared<leading>(url::parse(path.url()));
        network::use(io, used);
        CHECK(network::of(io) == used);
        service calc("calc");
        calc.on(add, [](int a, int b) { return a + b; });
        server on(io.get_executor());
        on.listen("oocrpc://nowhere:1");
        const unsigned listened = __LINE__ - 1;
        auto running = on.run(calc);
        asio::co_spawn(io, std::move(running), [](std::exception_ptr e) { CHECK(!e); });
        client db(io.get_executor(), "oocrpc://elsewhere:2");
        const unsigned made = __LINE__ - 1;
        const json arguments = json::array({2, 3});
        const json got = co_await db.call("calc.add", arguments);
        CHECK(got == 5);
        CHECK(used->listens == 1);
        CHECK(used->connects == 1);
        CHECK(used->lines == std::vector<unsigned>{listened, made});
        db.close();
        on.drain();
        while (on.connections() > 0) co_await asio::post(use_awaitable);
    });
}

TEST_CASE("a socket that listens already is adopted, and its path stays when it is closed") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        const temporary_path path;
        const int fd = listening_socket(path.path);
        auto adopted = listener::adopt(io.get_executor(), fd, url::parse(path.url()));
        CHECK(adopted->address().to_string() == path.url());
        auto there = co_await connect_stream(url::parse(path.url()));
        auto here = co_await adopted->accept();
        CHECK(here->peer_address() == "unix");
        adopted->close();
        CHECK(std::filesystem::exists(path.path));
        here->close();
        there->close();
    });
}

TEST_CASE("what is accepted sends without delay, and knows who has come") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        auto on = listener::open(io.get_executor(), url::parse("oocrpc://127.0.0.1:0"));
        auto far = co_await connect_stream(on->address());
        auto near = co_await on->accept();
        CHECK(far->peer_address() == "127.0.0.1:" + std::to_string(on->address().port));
        CHECK(near->peer_address().starts_with("127.0.0.1:"));
        const auto near_port = url::parse("oocrpc://" + near->peer_address()).port;
        CHECK(no_delay_of_sockets(near_port) == std::vector<int>{1}); // far's own
        CHECK(no_delay_of_sockets(on->address().port) == std::vector<int>{1});
    });
}

TEST_CASE("a client whose socket has the longest of all names is accepted, and so is the next") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        const temporary_path path;
        auto on = listener::open(io.get_executor(), url::parse(path.url()));
        sockaddr_un own{}, to{};
        own.sun_family = to.sun_family = AF_UNIX;
        const auto name = path.path + std::string(sizeof(own.sun_path) - path.path.size(), 'x');
        name.copy(own.sun_path, sizeof(own.sun_path)); // without a zero at its end
        path.path.copy(to.sun_path, sizeof(to.sun_path) - 1);
        const int far = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(::bind(far, reinterpret_cast<const sockaddr*>(&own), sizeof(own)) == 0);
        REQUIRE(::connect(far, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0);
        auto near = co_await on->accept();
        CHECK(near->peer_address() == "unix");
        auto next = co_await connect_stream(url::parse(path.url()));
        auto accepted = co_await on->accept();
        CHECK(accepted->peer_address() == "unix");
        ::close(far);
        std::filesystem::remove(name);
    });
}

TEST_CASE("a descriptor that is no listening socket is refused") {
    asio::io_context io;
    const temporary_path path;
    const auto at = url::parse(path.url());
    const int bound = listening_socket(path.path, false);
    CHECK_THROWS_AS(listener::adopt(io.get_executor(), bound, at), rpc_error);
    CHECK_THROWS_AS(listener::adopt(io.get_executor(), -1, at), rpc_error);
    ::close(bound);
}

TEST_CASE("a half close ends what the peer reads, not what it writes") {
    run([](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        struct reader final : stream_user {
            void on_read(std::error_code ec, std::size_t n) override {
                end = ec == asio::error::eof;
                size = n;
                done.fire();
            }
            void on_written(std::error_code) override { done.fire(); }
            promise<void> done;
            bool end = false;
            std::size_t size = 0;
        };
        const temporary_path path;
        auto on = listener::open(io.get_executor(), url::parse(path.url()));
        auto far = co_await connect_stream(url::parse(path.url()));
        auto near = co_await on->accept();
        auto [left, right] = make_stream_pair(io.get_executor(), io.get_executor());
        using pair = std::pair<byte_stream*, byte_stream*>;
        const std::vector<pair> both{{far.get(), near.get()}, {left.get(), right.get()}};
        for (auto [a, b] : both) {
            char buffer[8];
            a->shutdown_send();
            auto ended = std::make_shared<reader>();
            b->read_some(asio::buffer(buffer), ended);
            co_await ended->done.wait();
            CHECK(ended->end);
            const std::uint8_t byte = 7;
            auto wrote = std::make_shared<reader>();
            b->write(bytes(&byte, 1), wrote);
            co_await wrote->done.wait();
            auto got = std::make_shared<reader>();
            a->read_some(asio::buffer(buffer), got);
            co_await got->done.wait();
            CHECK(got->size == 1);
            CHECK(buffer[0] == 7);
            a->close();
            b->close();
        }
        on->close();
    });
}

} // TEST_SUITE("network")
