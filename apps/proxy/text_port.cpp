#include "text_port.hpp"

#include <spdlog/spdlog.h>

#include "host/seldom.hpp"

namespace oocrpc::proxy {
namespace {

/// Whoever connects brings a warning about.
void warn(host::seldom& how_often, const std::string& method, const std::string& what) {
    if (const auto untold = how_often.tell())
        spdlog::warn("text port: {}: {}{}", method, what, host::also(*untold));
}

awaitable<void> write_result(std::shared_ptr<reply_cache> replies, std::string method,
                             std::shared_ptr<host::seldom> warnings, host::text_writer out) {
    auto call = message::call(method);
    call.own();
    const auto answer = co_await replies->get(std::move(call));
    const auto& reply = *answer.reply;
    if (reply.fault) {
        warn(*warnings, method, reply.fault->message + ": " + reply.fault->detail);
    } else if (reply.body.t != bson::type::string) {
        warn(*warnings, method,
             "expected a string, got " + std::string(bson::to_string(reply.body.t)));
    } else {
        std::string text(reply.body.as_string());
        co_await out.write(std::move(text));
    }
}

} // namespace

host::text_function text_of(std::shared_ptr<reply_cache> replies, std::string method) {
    return [replies = std::move(replies), method = std::move(method),
            warnings = std::make_shared<host::seldom>()](host::text_writer out) {
        return write_result(replies, method, warnings, std::move(out));
    };
}

} // namespace oocrpc::proxy
