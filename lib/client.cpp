#include <oocrpc/client.hpp>

#include "client_core.hpp"

namespace oocrpc {

client::client(any_io_executor executor, std::string_view to, client_options options,
               std::source_location made)
    : caller(std::make_shared<detail::client_core>(std::move(executor), url::parse(to),
                                                   std::move(options), made)) {}

client& client::operator=(client&& other) noexcept {
    std::swap(target_, other.target_);
    return *this;
}

client::~client() {
    if (target_) core().close();
}

detail::client_core& client::core() const noexcept {
    return static_cast<detail::client_core&>(*target_);
}

void client::close() {
    core().close();
}

const url& client::address() const noexcept {
    return core().address();
}

any_io_executor client::get_executor() const {
    return target_->get_executor();
}

std::size_t client::connected() const noexcept {
    return core().connected();
}

awaitable<client> connect(std::string to, client_options options, std::source_location made) {
    client c(co_await this_coro::executor, to, std::move(options), made);
    deadline by_default;
    co_await c.core().acquire(by_default);
    co_return c;
}

} // namespace oocrpc
