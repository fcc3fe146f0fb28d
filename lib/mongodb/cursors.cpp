#include "cursors.hpp"

#include <algorithm>

#include <oocrpc/bson_value.hpp>
#include <oocrpc/promise.hpp>

#include "../turns.hpp"

namespace oocrpc::mongodb {
namespace {

/// The answer with a batch; what is left of the cursor belongs to this connection.
message batch_reply(const layer& of, context& c, const std::shared_ptr<cursor>& from,
                    byte_buffer batch) {
    if (from->number() != 0 && !from->ended()) c.session<session>().use(from, of.registry);
    c.scratch() = std::move(batch);
    return raw_reply(c.scratch());
}

std::shared_ptr<cursor> make_cursor(const layer& of, const context& c, std::unique_ptr<source> from,
                                    cursor_terms terms) {
    auto options = of.options;
    options.batch_bytes = std::min(options.batch_bytes, c.limits().max_message);
    return std::make_shared<cursor>(c.executor(), std::move(from), std::move(terms), options,
                                    of.registry);
}

/// A batch that is made on another thread, as both threads see it.
struct errand final : registered {
    struct outcome {
        std::exception_ptr failure;
        byte_buffer batch;
    };
    using registered::registered;
    void end() override {}

    asio::cancellation_signal stop; // used where the cursor lives, and so is the next
    bool given_up = false;
};

/// Keeps an errand's number while somebody waits, so that the answer is only posted to a loop that
/// is still there.
struct waiting_errand {
    waiting_errand(number_table& t, const std::shared_ptr<errand>& e)
        : table(t),
          number(t.add(e)) {}
    waiting_errand(const waiting_errand&) = delete;
    ~waiting_errand() { table.forget(number); }

    number_table& table;
    const std::int64_t number;
};

using outcome_ptr = std::shared_ptr<errand::outcome>;

/// Makes the batch where the cursor lives, and tells `answer` here.
bool send(const std::shared_ptr<call_registry>& registry, const std::shared_ptr<cursor>& from,
          batch_request ask, const std::shared_ptr<errand>& what, std::int64_t number,
          promise<outcome_ptr> answer) {
    // It also keeps the signal as long as the coroutine that it stops.
    auto tell = [registry, number, answer, what](std::exception_ptr e, byte_buffer batch) {
        auto got = std::make_shared<errand::outcome>();
        got->failure = e;
        got->batch = std::move(batch);
        registry->calls.post(number, [answer, got]() mutable {
            if (!answer.fired()) answer.fire(got);
        });
    };
    return registry->cursors.post(from->number(), [from, ask, what, tell] {
        if (what->given_up) return;
        asio::co_spawn(from->home(), from->batch(ask),
                       asio::bind_cancellation_slot(what->stop.slot(), tell));
    });
}

awaitable<byte_buffer> fetch_there(std::shared_ptr<call_registry> registry,
                                   std::shared_ptr<cursor> from, batch_request ask,
                                   any_io_executor here) {
    auto what = std::make_shared<errand>(here);
    const waiting_errand waiting(registry->calls, what);
    auto give_up = [what, registry, from](promise<outcome_ptr>&) {
        registry->cursors.post(from->number(), [what] {
            what->given_up = true;
            what->stop.emit(asio::cancellation_type::terminal);
        });
    };
    promise<outcome_ptr> answer(give_up);
    if (!send(registry, from, ask, what, waiting.number, answer))
        throw rpc_error(errc::cursor_not_found,
                        "cursor id " + std::to_string(from->number()) + " not found");
    const auto got = co_await answer.wait();
    if (got->failure) std::rethrow_exception(got->failure);
    co_return std::move(got->batch);
}

} // namespace

std::string host_of(std::string_view address) {
    const auto colon = address.rfind(':');
    return std::string(address.substr(0, colon));
}

cursor_terms terms_of(const context& c) {
    cursor_terms terms;
    terms.host = host_of(c.info().address);
    terms.user = c.user();
    return terms;
}

cursor_terms terms_of(const command_call& cmd) {
    auto terms = terms_of(cmd.c);
    if (const auto lsid = cmd.find("lsid")) terms.lsid = bson::value(*lsid);
    return terms;
}

void require_batch_size(std::int64_t n) {
    if (n < 0)
        throw rpc_error(errc::invalid_argument,
                        "batchSize: expected 0 or more, got " + std::to_string(n));
}

awaitable<message> open_stream(const layer& of, context& c, std::shared_ptr<const known_method> m,
                               bson::value_view arguments, cursor_terms terms, batch_request ask) {
    // Opening one makes two connections, and refusing one throws: either may be one of many.
    co_await detail::turns::wait(c.executor());
    if (c.cancelled()) throw rpc_error(errc::cancelled, "the caller is gone");
    c.session<session>().require_room(c.limits().max_streams);
    auto from = std::make_unique<stream_source>(of.inner, c, message::call(m->target, arguments));
    auto made = make_cursor(of, c, std::move(from), std::move(terms));
    auto batch = co_await made->batch(ask);
    try {
        // Others came first; and the connection's end takes the session along.
        if (made->number() != 0) c.session<session>().require_room(c.limits().max_streams);
    } catch (...) {
        made->end();
        throw;
    }
    co_return batch_reply(of, c, made, std::move(batch));
}

message open_values(const layer& of, context& c, bson::value_view all, cursor_terms terms,
                    batch_request ask) {
    auto made = make_cursor(of, c, std::make_unique<value_source>(all), std::move(terms));
    auto batch = made->batch_now(ask);
    if (made->number() == 0) return batch_reply(of, c, made, std::move(batch));
    auto& known = c.session<session>();
    try {
        known.require_room(c.limits().max_streams);
        auto reply = batch_reply(of, c, made, std::move(batch));
        known.require_memory(of.options);
        return reply;
    } catch (...) {
        made->end();
        throw;
    }
}

awaitable<message> next_batch(const layer& of, context& c, std::shared_ptr<cursor> from,
                              batch_request ask) {
    c.session<session>().take_over(from, of.registry, c.limits().max_streams, of.options);
    byte_buffer batch;
    if (from->home() == c.executor())
        batch = co_await from->batch(ask);
    else
        batch = co_await fetch_there(of.registry, from, ask, c.executor());
    // Who has come for the cursor meanwhile has it.
    c.scratch() = std::move(batch);
    co_return raw_reply(c.scratch());
}

} // namespace oocrpc::mongodb
