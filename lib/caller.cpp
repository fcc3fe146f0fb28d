#include <oocrpc/caller.hpp>

#include <oocrpc/detail/suspension.hpp>
#include <oocrpc/peer.hpp>

namespace oocrpc {

awaitable<detail::acquired> detail::acquire(std::shared_ptr<call_target> from, deadline when) {
    // Asio would post, and lose a cancel meanwhile, what ends without having waited.
    co_await asio::post(use_awaitable);
    acquired found;
    found.when = when;
    found.on = co_await from->acquire(found.when);
    // A cancel during a wait in another thread is seen only now.
    if (is_requested(co_await this_coro::cancellation_state)) throw rpc_error(errc::cancelled);
    co_return found;
}

message detail::to_error(const std::exception_ptr& thrown) {
    if (is_cancelled(thrown)) return message::error(0, errc::cancelled, "the caller gave up");
    try {
        std::rethrow_exception(thrown);
    } catch (const rpc_error& e) {
        return message::error(0, e);
    } catch (const std::exception& e) {
        return message::error(0, errc::unavailable, e.what());
    }
}

awaitable<message> caller::exchange_on(target_ptr target, message call, call_options options) {
    message answer = co_await view_answer(std::move(target), std::move(call), std::move(options));
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
    auto answer = co_await view_answer(std::move(target), std::move(call), std::move(options));
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
    auto answer = co_await view_answer(std::move(target), std::move(call), std::move(options));
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
    auto* c = target->ready();
    std::shared_ptr<connection> found;
    if (!c) {
        call.own();
        found = co_await target->acquire(options.when);
        c = found.get();
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
    connection* ready() override {
        return detail::running_here(connection_->get_executor()) ? connection_.get() : nullptr;
    }
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
