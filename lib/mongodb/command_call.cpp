#include "command_call.hpp"

#include <oocrpc/bson_value.hpp>
#include <oocrpc/context.hpp>
#include <oocrpc/version.hpp>

#include "command_names.hpp"
#include "values.hpp"

namespace oocrpc::mongodb {

std::string_view command_call::database() const noexcept {
    return split_name(call.method).database;
}

std::string_view command_call::name() const noexcept {
    return split_name(call.method).name;
}

bson::value_view command_call::subject() const noexcept {
    const bson::elements all(body());
    const auto first = all.begin();
    return first == all.end() ? absent : first->value;
}

std::optional<bson::value_view> command_call::find(std::string_view key) const noexcept {
    return bson::find(body(), key);
}

std::string_view command_call::subject_text() const {
    const auto v = subject();
    if (v.t != bson::type::string) wrong_type(name(), "string", v);
    return v.as_string();
}

session& command_call::connection() const {
    return c.session<session>();
}

std::string command_call::within(std::string_view name) const {
    std::string full(database());
    return full.append(1, '.').append(name);
}

std::optional<std::int64_t> command_call::integer(std::string_view key) const {
    return integer_in(body(), key);
}

bool command_call::flag(std::string_view key) const {
    const auto v = find(key);
    return v && strict_true(*v);
}

std::optional<std::int64_t> integer_in(bytes document, std::string_view key,
                                       std::string_view path) {
    const auto v = bson::find(document, key);
    if (!v || v->t == bson::type::null) return std::nullopt;
    if (const auto n = strict_integer(*v)) return n;
    const auto name = path.empty() ? std::string(key) : std::string(path).append(".").append(key);
    wrong_type(name, "an integer", *v);
}

void wrong_type(std::string_view key, std::string_view expected, bson::value_view got) {
    const auto type = present(got) ? bson::to_string(got.t) : std::string_view("nothing");
    throw rpc_error(
        errc::invalid_argument,
        std::string(key).append(": expected ").append(expected).append(", got ").append(type));
}

void not_served(std::string_view what) {
    throw rpc_error(errc::invalid_argument, std::string(what).append(": not served here"));
}

message raw_reply(bytes document) {
    auto m = message::reply(0, {bson::type::document, document});
    m.raw = true;
    return m;
}

void add_version(bson::document_writer& reply) {
    bson::document_writer ours(reply, "oocrpc");
    ours.add("version", version);
    ours.finish();
}

message reply_ok(context& c) {
    return reply_with(c, [](bson::document_writer&) {});
}

message no_such_command(std::string_view name) {
    return message::error(0, errc::no_such_method,
                          std::string("no such command: '").append(name).append(1, '\''));
}

} // namespace oocrpc::mongodb
