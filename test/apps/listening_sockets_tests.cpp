#include "child.hpp"

#include "support/demo_service.hpp"
#include "support/run.hpp"
#include "support/spawned.hpp"
#include "support/temporary.hpp"

#include <host/listening_sockets.hpp>
#include <host/text_server.hpp>

#include <oocrpc/client.hpp>
#include <oocrpc/error.hpp>
#include <oocrpc/server.hpp>

#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include <cstdlib>
#include <optional>

#include <fcntl.h>

using namespace oocrpc;
using asio::ip::tcp;
using host::describe_socket;
using host::inherited_socket;
using host::is_bound_to;
using host::listening_sockets;
using host::test::child;
using local = asio::local::stream_protocol;

namespace {

constexpr auto exclusive = port_sharing::exclusive;
constexpr auto shared = port_sharing::shared;
const url any_port = url::parse("oocrpc://127.0.0.1:0");

/// Two loops with one network; `listen` as their listeners do.
struct loops {
    explicit loops(std::vector<inherited_socket> inherited = {})
        : net(std::make_shared<listening_sockets>(std::move(inherited))) {
        network::use(a, net);
        network::use(b, net);
    }
    std::unique_ptr<listener> listen(asio::io_context& on, const url& at,
                                     port_sharing how = exclusive) {
        return listener::open(on.get_executor(), at, how);
    }

    std::shared_ptr<listening_sockets> net;
    asio::io_context a, b;
};

/// Whether somebody listens there: the system completes the connection, accepted or not.
bool connects(const url& at) {
    asio::io_context io;
    std::error_code ec;
    if (at.via == url::transport::unix_socket) {
        local::socket s(io);
        s.connect(local::endpoint(at.path), ec);
    } else {
        tcp::socket s(io);
        s.connect(tcp::endpoint(asio::ip::make_address(at.host), at.port), ec);
    }
    return !ec;
}

using opened_by = listening_sockets::opened_by;

/// As a component's listener.
std::unique_ptr<listener> listen_as(const char* path, loops& l, const url& at,
                                    port_sharing how = exclusive) {
    const opened_by me(l.a.get_executor(), path);
    return l.listen(l.a, at, how);
}

std::string refusal_of(const char* path, loops& l, const url& at) {
    try {
        listen_as(path, l, at);
    } catch (const rpc_error& e) {
        return e.detail();
    }
    return "";
}

/// What arrives at `from` of one connection that was made before.
bool accepts(asio::io_context& io, listener& from) {
    bool accepted = false;
    asio::co_spawn(io, from.accept(), [&](std::exception_ptr e, std::unique_ptr<byte_stream> s) {
        accepted = !e && s;
    });
    io.restart();
    while (!accepted && io.run_one_for(std::chrono::seconds(20)) > 0) {
    }
    return accepted;
}

bool accepts_after_connecting(asio::io_context& io, listener& from) {
    return connects(from.address()) && accepts(io, from);
}

std::string refusal(loops& l, asio::io_context& on, const url& at, port_sharing how = exclusive) {
    try {
        l.listen(on, at, how);
    } catch (const rpc_error& e) {
        return e.detail();
    }
    return "";
}

/// A socket that listens, as somebody else bound it.
template <class Protocol = tcp> struct given {
    explicit given(const typename Protocol::endpoint& at) : acceptor(io, at) {}
    inherited_socket copy() {
        return describe_socket(::fcntl(acceptor.native_handle(), F_DUPFD_CLOEXEC, 0), "web");
    }

    asio::io_context io;
    typename Protocol::acceptor acceptor;
};

tcp::endpoint at_port(const char* address) {
    return {asio::ip::make_address(address), 0};
}

url with_port(std::string text, std::uint16_t port) {
    return url::parse("oocrpc://" + text + ":" + std::to_string(port));
}

/// Servers that replace each other at one address while clients call.
struct replacing {
    explicit replacing(loops& l) : ex(l.a.get_executor()) { replace(any_port); }

    void replace(const url& where) {
        auto& s = servers.emplace_back(std::make_unique<server>(ex));
        at = s->listen(where);
        asio::co_spawn(ex, s->run(test::make_demo()), [this](std::exception_ptr e) {
            CHECK(!e);
            ++ended;
        });
        if (servers.size() > 1) servers[servers.size() - 2]->drain();
    }
    awaitable<void> call_until_over(client& c) {
        while (!over) {
            try {
                if (co_await c.call(test::add, 1, 2) == 3) ++answered;
            } catch (const rpc_error& e) {
                failed.push_back(e.what());
            }
        }
    }
    awaitable<void> replace_under_load(int times) {
        for (int i = 0; i < times; ++i) {
            const auto before = answered;
            while (answered < before + 20 && failed.empty()) co_await asio::post(use_awaitable);
            replace(at);
        }
        over = true;
    }

    any_io_executor ex;
    url at;
    std::vector<std::unique_ptr<server>> servers;
    std::vector<std::string> failed;
    int answered = 0, ended = 0;
    bool over = false;
};

bool has_ipv6() {
    try {
        given<> six(at_port("::1"));
        return true;
    } catch (const std::system_error&) {
        MESSAGE("skipped: no IPv6 here");
        return false;
    }
}

} // namespace

TEST_SUITE("listening_sockets") {

TEST_CASE("an address stays open while its listener is replaced, and loses no connection") {
    loops l;
    auto before = l.listen(l.a, any_port);
    const auto at = before->address();
    CHECK(at.port != 0);
    CHECK(connects(at)); // waits in the backlog
    before.reset();
    CHECK(connects(at));
    auto after = l.listen(l.a, at);
    CHECK(after->address() == at);
    CHECK(accepts(l.a, *after));
    CHECK(accepts(l.a, *after));
}

TEST_CASE("a replacement may start before what it replaces stops") {
    loops l;
    auto before = l.listen(l.a, any_port);
    auto after = l.listen(l.a, before->address());
    const auto at = before->address();
    before->close();
    CHECK(connects(at));
    CHECK(accepts(l.a, *after));
    l.net->release_unused();
    CHECK(connects(at)); // it is used
}

TEST_CASE("an address that nobody listens on any more is closed when it is released") {
    loops l;
    auto one = l.listen(l.a, any_port);
    const auto at = one->address();
    one->close();
    one->close();
    CHECK(connects(at));
    l.net->release_unused();
    CHECK(!connects(at));
    CHECK(refusal(l, l.a, at).empty());
}

TEST_CASE("once nothing is kept an address closes with its last listener") {
    loops l;
    auto one = l.listen(l.a, any_port);
    auto two = l.listen(l.a, one->address());
    const auto at = one->address();
    l.net->stop_keeping();
    one.reset();
    CHECK(connects(at));
    two.reset();
    CHECK(!connects(at));
}

TEST_CASE("an address is the same one however it is written") {
    loops l;
    auto one = l.listen(l.a, any_port);
    const auto port = one->address().port;
    auto two = l.listen(l.a, with_port("localhost", port));
    CHECK(two->address() == with_port("localhost", port));
    auto three = l.listen(l.a, url::parse("mongodb://127.0.0.1:" + std::to_string(port)));
    one.reset();
    two.reset();
    CHECK(connects(with_port("127.0.0.1", port)));
    CHECK(accepts(l.a, *three));
}

TEST_CASE("an address is one component's, however it is written, until its listener is closed") {
    loops l;
    auto one = listen_as("a", l, any_port);
    const auto at = with_port("localhost", one->address().port);
    CHECK(refusal_of("b", l, at) == "cannot listen on " + at.to_string() + ": 'a' does already");
    CHECK(refusal(l, l.b, at, shared) != "");
    auto next = listen_as("a", l, at);
    one.reset();
    auto unknown = l.listen(l.a, any_port);
    CHECK(refusal_of("b", l, unknown->address()).ends_with(": another component does already"));
    CHECK(refusal_of("b", l, at) != "");
    next.reset();
    CHECK(refusal_of("b", l, at).empty());
}

TEST_CASE("where a component is about to end others may listen, unless it goes on after all") {
    loops l;
    auto one = listen_as("a.server", l, any_port);
    const auto at = one->address();
    l.net->will_end("a");
    CHECK(l.net->goes_on("a").empty());
    CHECK(refusal_of("b", l, at).ends_with("'a.server' does already"));
    l.net->will_end("a");
    auto other = listen_as("b", l, at);
    CHECK(l.net->goes_on("a") == "b");
    CHECK(refusal_of("a.server", l, at).ends_with("'b' does already"));
    one.reset();
    CHECK(accepts_after_connecting(l.a, *other));
    l.net->will_end("a"); // means no other name that begins like it
    auto long_name = listen_as("ab", l, any_port);
    l.net->will_end("a");
    CHECK(refusal_of("b", l, long_name->address()) != "");
}

TEST_CASE("a component has the port again that was picked for it") {
    loops l;
    auto one = listen_as("a", l, any_port);
    const auto at = one->address();
    CHECK(listen_as("a", l, any_port)->address() == at);
    CHECK(listen_as("b", l, any_port)->address() != at);
    one.reset();
    CHECK(listen_as("a", l, any_port)->address() == at);
    l.net->release_unused();
    given<> other(tcp::endpoint(asio::ip::make_address(at.host), at.port)); // it is free
    CHECK(listen_as("a", l, any_port)->address() != at);
}

TEST_CASE("an address goes from one loop to all and back, and nobody waits for nobody") {
    loops l;
    auto one = l.listen(l.a, any_port);
    const auto at = one->address();
    auto first = l.listen(l.a, at, shared);
    auto second = l.listen(l.b, at, shared);
    one.reset();
    CHECK(accepts_after_connecting(l.b, *second));
    first.reset();
    second.reset();
    l.net->release_unused();

    first = l.listen(l.a, at, shared);
    second = l.listen(l.b, at, shared);
    auto only = l.listen(l.a, at);
    first.reset();
    second.reset();
    for (int i = 0; i < 20; ++i) CHECK(accepts_after_connecting(l.a, *only));
}

TEST_CASE("servers replace each other a hundred times under load, and no call fails") {
    loops l;
    replacing r(l);
    std::vector<std::unique_ptr<client>> clients;
    std::size_t calling = 4;
    for (std::size_t i = 0; i < calling; ++i) {
        auto& c = clients.emplace_back(std::make_unique<client>(r.ex, r.at.to_string()));
        asio::co_spawn(r.ex, r.call_until_over(*c), [&](std::exception_ptr e) {
            CHECK(!e);
            if (--calling > 0) return;
            for (auto& x : clients) x->close();
            r.servers.back()->drain();
        });
    }
    asio::co_spawn(r.ex, r.replace_under_load(100), [](std::exception_ptr e) { CHECK(!e); });
    l.a.run_for(std::chrono::seconds(60));
    CHECK(r.failed == std::vector<std::string>());
    CHECK(r.answered >= 2000);
    CHECK(r.ended == 101);
}

TEST_CASE("port 0 is another port each time") {
    loops l;
    auto one = l.listen(l.a, any_port);
    auto two = l.listen(l.a, any_port);
    CHECK(one->address().port != two->address().port);
}

TEST_CASE("loops that share a port each have a socket of their own") {
    loops l;
    auto first = l.listen(l.a, any_port, shared);
    const auto at = first->address();
    auto second = l.listen(l.b, at, shared);
    CHECK(second->address() == at);
    first.reset();
    l.net->release_unused();
    CHECK(connects(at));
    CHECK(accepts(l.b, *second));
}

TEST_CASE("a port that is taken is refused, with and without sharing") {
    loops l;
    given<> other(at_port("127.0.0.1"));
    const auto at = with_port("127.0.0.1", other.acceptor.local_endpoint().port());
    const auto why = "cannot listen on " + at.to_string() + ": Address already in use";
    CHECK(refusal(l, l.a, at) == why);
    CHECK(refusal(l, l.a, at, shared) == why);
    loops others;
    auto one = others.listen(others.a, any_port, shared);
    const auto theirs = one->address();
    CHECK(refusal(l, l.a, theirs, shared) != "");
}

TEST_CASE("a port that was asked for to learn its number can then be shared") {
    loops l;
    const auto at = l.listen(l.a, any_port)->address();
    auto first = l.listen(l.a, at, shared);
    auto second = l.listen(l.b, at, shared);
    CHECK(second->address() == at);
}

TEST_CASE("the file of a Unix socket stays while it is replaced, and goes when it is released") {
    loops l;
    test::temporary_path file;
    const auto at = url::parse(file.url());
    auto one = l.listen(l.a, at);
    one.reset();
    CHECK(connects(at));
    auto two = l.listen(l.a, at);
    CHECK(accepts(l.a, *two));
    l.net->release_unused();
    CHECK(std::filesystem::exists(file.path));
    two.reset();
    l.net->release_unused();
    CHECK(!std::filesystem::exists(file.path));
}

TEST_CASE("a Unix socket is shared by all loops where that is asked for, else it is taken") {
    loops l;
    test::temporary_path one, two;
    const auto at = url::parse(one.url());
    auto first = l.listen(l.a, at, shared);
    auto second = l.listen(l.b, at, shared);
    first.reset();
    CHECK(connects(at));
    CHECK(accepts(l.b, *second));
    auto only = l.listen(l.a, url::parse(two.url()));
    CHECK(refusal(l, l.b, url::parse(two.url())).ends_with(": Address already in use"));
}

TEST_CASE("an inherited socket is used by all loops and survives every release") {
    given<> web(at_port("127.0.0.1"));
    const auto at = with_port("127.0.0.1", web.acceptor.local_endpoint().port());
    loops l({web.copy()});
    REQUIRE(l.net->unused_inherited().size() == 1);
    CHECK(l.net->unused_inherited()[0] ==
          at.to_string().substr(9) + " (web): no listener asks for it");
    auto first = l.listen(l.a, at, shared);
    auto second = l.listen(l.b, at, shared);
    CHECK(l.net->unused_inherited().empty());
    CHECK(connects(at));
    CHECK(accepts(l.b, *second));
    first.reset();
    second.reset();
    l.net->release_unused();
    auto third = l.listen(l.a, at);
    CHECK(connects(at));
    CHECK(accepts(l.a, *third));
}

TEST_CASE("an inherited socket closes here when all is over, and not for who gave it") {
    given<> web(at_port("127.0.0.1"));
    const auto at = with_port("127.0.0.1", web.acceptor.local_endpoint().port());
    std::optional<loops> l;
    auto copy = web.copy();
    const int number = copy.socket;
    l.emplace(std::vector<inherited_socket>{copy});
    l.reset();
    CHECK(::fcntl(number, F_GETFD) == -1);
    CHECK(connects(at));
}

TEST_CASE("inherited sockets are found by address, by name, and by path") {
    given<> four(at_port("127.0.0.1")), every(at_port("0.0.0.0"));
    const auto s = four.copy(), all = every.copy();
    const auto port = four.acceptor.local_endpoint().port();
    CHECK(s.address == "127.0.0.1:" + std::to_string(port));
    CHECK(is_bound_to(s, with_port("127.0.0.1", port)));
    CHECK(is_bound_to(s, with_port("localhost", port)));
    CHECK(!is_bound_to(s, with_port("127.0.0.2", port)));
    CHECK(!is_bound_to(s, with_port("0.0.0.0", port)));
    CHECK(!is_bound_to(s, with_port("127.0.0.1", 1)));
    CHECK(!is_bound_to(s, any_port));
    const auto open = every.acceptor.local_endpoint().port();
    CHECK(is_bound_to(all, with_port("0.0.0.0", open)));
    CHECK(!is_bound_to(all, with_port("127.0.0.1", open)));

    test::temporary_path file;
    given<local> unix_socket{local::endpoint(file.path)};
    const auto u = unix_socket.copy();
    CHECK(u.address == file.path);
    CHECK(is_bound_to(u, url::parse(file.url())));
    CHECK(!is_bound_to(u, url::parse(file.url() + "x")));
    CHECK(!is_bound_to(s, url::parse(file.url())));
    CHECK(!is_bound_to(u, any_port));
    for (const auto& x : {s, all, u}) ::close(x.socket);
}

TEST_CASE("inherited sockets of IPv6 are found, and 0.0.0.0 where they take both") {
    if (!has_ipv6()) return;
    given<> six(at_port("::1")), both(at_port("::"));
    const auto s = six.copy(), b = both.copy();
    const auto port = six.acceptor.local_endpoint().port();
    const auto open = both.acceptor.local_endpoint().port();
    CHECK(s.address == "[::1]:" + std::to_string(port));
    CHECK(is_bound_to(s, with_port("[::1]", port)));
    CHECK(!is_bound_to(s, with_port("[::]", port)));
    CHECK(is_bound_to(b, with_port("[::]", open)));
    CHECK(is_bound_to(b, with_port("0.0.0.0", open)));
    loops l({s, b});
    auto one = l.listen(l.a, with_port("[::1]", port));
    CHECK(connects(url::parse("oocrpc://[::1]:" + std::to_string(port))));
    CHECK(accepts(l.a, *one));
}

TEST_CASE("what cannot be accepted on is told and used for nothing") {
    asio::io_context io;
    tcp::acceptor silent(io, tcp::v4());
    silent.bind(at_port("127.0.0.1"));
    const int datagrams = ::socket(AF_INET, SOCK_DGRAM, 0);
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    ::close(pipe[1]);
    const auto at = with_port("127.0.0.1", silent.local_endpoint().port());
    const auto copy = ::dup(silent.native_handle());
    loops l(
        {describe_socket(copy, ""), describe_socket(datagrams, "x"), describe_socket(pipe[0], "")});
    const auto unused = l.net->unused_inherited();
    REQUIRE(unused.size() == 3);
    CHECK(unused[0] == at.to_string().substr(9) + ": does not listen");
    CHECK(unused[1] == "0.0.0.0:0 (x): no stream socket");
    CHECK(unused[2] == "descriptor " + std::to_string(pipe[0]) + ": no socket");
    CHECK(refusal(l, l.a, at) != "");
}

TEST_CASE("LISTEN_FDS gives the sockets to the process that is meant, and to no child of it") {
    test::temporary_path file;
    const auto take = [&](const char* count, bool ours) {
        child process([&] {
            given<> first(at_port("127.0.0.1"));
            given<local> second{local::endpoint(file.path)};
            const int a = ::fcntl(first.acceptor.native_handle(), F_DUPFD, 100);
            const int b = ::fcntl(second.acceptor.native_handle(), F_DUPFD, 100);
            ::dup2(a, 3);
            ::dup2(b, 4);
            ::setenv("LISTEN_PID", std::to_string(ours ? ::getpid() : 1).c_str(), 1);
            ::setenv("LISTEN_FDS", count, 1);
            ::setenv("LISTEN_FDNAMES", "web:file", 1);
            for (const auto& s : host::take_inherited_sockets())
                std::cerr << s.name << " " << s.socket << " " << s.problem
                          << ((::fcntl(s.socket, F_GETFD) & FD_CLOEXEC) != 0) << "\n";
            const bool kept = std::getenv("LISTEN_PID") || std::getenv("LISTEN_FDS") ||
                              std::getenv("LISTEN_FDNAMES");
            ::close(3); // of this process's loops, which are never used again
            return kept ? 1 : 0;
        });
        const auto code = process.status();
        std::filesystem::remove(file.path);
        return std::to_string(code) + "\n" + process.errors();
    };
    CHECK(take("2", true) == "0\nweb 3 1\nfile 4 1\n");
    CHECK(take("2", false) == "0\n");
    CHECK(take("0", true) == "0\n");
    CHECK(take("two", true) == "78\nLISTEN_FDS is 'two', not a number of sockets\n");
    CHECK(take("4000", true).find("but descriptor ") != std::string::npos);
    CHECK(host::take_inherited_sockets().empty());
}

TEST_CASE("a text port takes an inherited socket, and its replacement goes on with it") {
    given<> web(at_port("127.0.0.1"));
    const auto port = web.acceptor.local_endpoint().port();
    const auto net = std::make_shared<listening_sockets>(std::vector{web.copy()});
    test::run([&](asio::io_context& io, oocrpc::clock&) -> awaitable<void> {
        network::use(io, net);
        const auto ex = io.get_executor();
        const auto say = [](const char* what) -> host::text_function {
            return [what](host::text_writer out) { return out.write(what); };
        };
        const auto ask = [ex, port]() -> awaitable<std::string> {
            tcp::socket s(ex);
            const tcp::endpoint at(asio::ip::make_address("127.0.0.1"), port);
            co_await s.async_connect(at, use_awaitable);
            std::string text;
            auto [ec, n] = co_await asio::async_read(s, asio::dynamic_buffer(text), use_tuple);
            CHECK(ec == asio::error::eof);
            co_return text;
        };
        const host_port at{"127.0.0.1", port};
        host::text_server one(ex, at, say("one"));
        CHECK(net->unused_inherited().empty());
        test::spawned running(ex, one.run());
        CHECK(co_await ask() == "one");
        host::text_server two(ex, at, say("two"));
        running.cancel();
        while (!running.done) co_await asio::post(use_awaitable);
        test::spawned next(ex, two.run());
        CHECK(co_await ask() == "two");
        next.cancel();
        while (!next.done) co_await asio::post(use_awaitable);
    });
}

} // TEST_SUITE("listening_sockets")
