#include "get_poems.hpp"

#include <algorithm>

#include <oocrpc/client.hpp>
#include <oocrpc/when.hpp>

#include "poetry/poems.hpp"

namespace get_poetry {
namespace {

using oocrpc::awaitable;
using oocrpc::client;
using oocrpc::rpc_error;
namespace this_coro = oocrpc::this_coro;

struct job {
    const order& how;
    display& to;
    std::optional<client> transform;
};

/// A call that failed because we were told to stop is no failure of the server's.
awaitable<void> throw_if_interrupted() {
    const auto state = co_await this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
        throw rpc_error(oocrpc::errc::cancelled);
}

client client_of(const order& how, const std::string& url, oocrpc::any_io_executor executor) {
    const auto login = how.logins.find(url);
    auto options = login == how.logins.end() ? oocrpc::client_options() : login->second;
    options.tls = how.tls;
    return client(std::move(executor), url, std::move(options));
}

awaitable<std::string> download(const order& how, std::size_t from) {
    const auto executor = co_await this_coro::executor;
    const auto server = client_of(how, how.urls[from], executor);
    auto get = poetry::get_poem.with(how.timeout);
    auto name = how.poem;
    co_return co_await server.call(std::move(get), std::move(name));
}

awaitable<std::string> transformed(const job& all, std::size_t from, std::string poem) {
    const oocrpc::method<std::string(std::string)> method(all.how.method, {"poem"});
    std::string why;
    try {
        auto call = method.with(all.how.timeout);
        co_return co_await all.transform->call(std::move(call), poem);
    } catch (const std::exception& e) {
        why = e.what();
    }
    co_await throw_if_interrupted();
    all.to.kept(from, why);
    co_return poem;
}

/// Shows how it ended; throws where there is no poem.
awaitable<void> get_one(const job& all, std::size_t from) {
    std::string poem;
    std::exception_ptr failed;
    std::string why;
    try {
        poem = co_await download(all.how, from);
    } catch (const std::exception& e) {
        failed = std::current_exception();
        why = e.what();
    }
    if (failed) {
        co_await throw_if_interrupted();
        all.to.failed(from, why);
        std::rethrow_exception(failed);
    }
    if (all.transform) poem = co_await transformed(all, from, std::move(poem));
    all.to.poem(from, poem);
}

} // namespace

awaitable<std::size_t> get_poems(const order& how, display& to) {
    job all{how, to, std::nullopt};
    const auto executor = co_await this_coro::executor;
    if (!how.transform.empty()) all.transform = client_of(how, how.transform, executor);
    const progress_line shown(to, how.urls);
    std::vector<awaitable<void>> downloads;
    for (std::size_t i = 0; i < how.urls.size(); ++i) downloads.push_back(get_one(all, i));
    const auto ends = co_await oocrpc::when_all(std::move(downloads));
    const auto failed =
        std::count_if(ends.begin(), ends.end(), [](auto& end) { return !end.ok(); });
    co_return static_cast<std::size_t>(failed);
}

} // namespace get_poetry
