#include "text_port.hpp"

#include <spdlog/spdlog.h>

namespace oocrpc::proxy {
namespace {

awaitable<void> write_result(std::shared_ptr<reply_cache> replies, std::string method,
                             host::text_writer out) {
    auto call = message::call(method);
    call.own();
    const auto answer = co_await replies->get(std::move(call));
    const auto& reply = *answer.reply;
    if (reply.fault) {
        spdlog::warn("text port: {}: {}: {}", method, reply.fault->message, reply.fault->detail);
    } else if (reply.body.t != bson::type::string) {
        spdlog::warn("text port: {}: expected a string, got {}", method,
                     bson::to_string(reply.body.t));
    } else {
        std::string text(reply.body.as_string());
        co_await out.write(std::move(text));
    }
}

} // namespace

host::text_function text_of(std::shared_ptr<reply_cache> replies, std::string method) {
    return [replies = std::move(replies), method = std::move(method)](host::text_writer out) {
        return write_result(replies, method, std::move(out));
    };
}

} // namespace oocrpc::proxy
