#include <oocrpc/caller.hpp>

#include <oocrpc/peer.hpp>

namespace oocrpc {

awaitable<message> caller::exchange_on(target_ptr target, message call, call_options options) {
    auto c = target->ready();
    if (!c) {
        call.own();
        std::optional<message> refused;
        try {
            c = co_await target->acquire(options.when);
        } catch (const rpc_error& e) {
            if (e.code() == errc::cancelled) throw;
            refused = message::error(0, e);
        }
        if (refused) co_return std::move(*refused);
    }
    detail::call_request request{std::move(call), std::move(options)};
    message answer = co_await c->async_exchange(request, use_awaitable);
    answer.own();
    co_return answer;
}

awaitable<json> caller::call_dynamic(target_ptr target, std::string name, json arguments,
                                     call_options options) {
    byte_buffer body;
    auto call = message::call(name);
    if (!arguments.is_null()) {
        const auto t = bson::put(body, arguments);
        call.body = {t, body};
    }
    auto answer = co_await exchange_on(std::move(target), std::move(call), std::move(options));
    if (answer.fault) throw answer.to_exception();
    co_return bson::to_json(answer.body);
}

awaitable<json> caller::command_on(target_ptr target, std::string database, json document,
                                   call_options options) {
    if (database.empty()) throw rpc_error(errc::invalid_argument, "the database is missing");
    const auto name = database + ".$cmd";
    byte_buffer body;
    bson::put_document(body, document);
    auto call = message::call(name, {bson::type::document, body});
    auto answer = co_await exchange_on(std::move(target), std::move(call), std::move(options));
    if (answer.fault) throw answer.to_exception();
    co_return bson::to_json(answer.body);
}

awaitable<void> caller::notify_dynamic(target_ptr target, std::string name, json arguments) {
    byte_buffer body;
    auto call = message::call(name);
    if (!arguments.is_null()) {
        const auto t = bson::put(body, arguments);
        call.body = {t, body};
    }
    call.oneway = true;
    call_options by_default;
    auto sent = co_await exchange_on(std::move(target), std::move(call), std::move(by_default));
    if (sent.fault) throw sent.to_exception();
}

awaitable<std::shared_ptr<message_stream>>
caller::open_on(target_ptr target, message call, call_options options, std::int32_t window) {
    const auto executor = co_await this_coro::executor;
    const auto* scope = detail::scope_of(executor);
    auto c = target->ready();
    if (!c) {
        call.own();
        c = co_await target->acquire(options.when);
    }
    if (!detail::running_here(c->get_executor()))
        throw rpc_error(errc::invalid_argument, "a stream is opened on the executor of its client");
    co_return c->open(std::move(call), options, scope ? scope->deadline : call_deadline{}, window);
}

namespace {

/// One connection as a target: there or gone.
class single_target final : public call_target {
  public:
    explicit single_target(std::shared_ptr<connection> c) : connection_(std::move(c)) {}
    std::shared_ptr<connection> ready() override { return connection_; }
    awaitable<std::shared_ptr<connection>> acquire(deadline&) override { co_return connection_; }
    any_io_executor get_executor() const override { return connection_->get_executor(); }

  private:
    std::shared_ptr<connection> connection_;
};

} // namespace

peer::peer(std::shared_ptr<connection> c)
    : caller(std::make_shared<single_target>(c)),
      connection_(std::move(c)) {}

} // namespace oocrpc
