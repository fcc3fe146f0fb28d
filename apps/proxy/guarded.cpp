#include "guarded.hpp"

#include <algorithm>
#include <optional>

#include <oocrpc/context.hpp>

namespace oocrpc::proxy {
namespace {

constexpr std::string_view own_service = "oocrpc.";
constexpr std::string_view whole_command = "$cmd";
constexpr std::string_view login[]{"saslstart", "saslcontinue", "authenticate", "logout"};
// No service of ours has methods of these names; those of others may.
constexpr std::string_view greeting[]{"hello", "ismaster"};

/// Names of commands are the same in any case to some servers; `lower` is in lower case.
bool same(std::string_view name, std::string_view lower) {
    return std::ranges::equal(name, lower, {}, [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
}

template <std::size_t N> bool is_one_of(const std::string_view (&names)[N], std::string_view name) {
    return std::ranges::any_of(names, [&](std::string_view lower) { return same(name, lower); });
}

std::string_view first_key(bson::value_view body) {
    if (body.t != bson::type::document) return {};
    const bson::elements all(body.as_document());
    return all.begin() == all.end() ? std::string_view() : all.begin()->name;
}

/// The command that a server of MongoDB's would take it for, if it is about the connection.
std::string_view about_connection(const message& call) {
    const auto name = call.method.substr(call.method.find('.') + 1);
    if (name != whole_command) return is_one_of(login, name) ? name : std::string_view();
    const auto command = first_key(call.body);
    return is_one_of(login, command) || is_one_of(greeting, command) ? command : std::string_view();
}

std::optional<message> refusal(const message& call) {
    if (call.method.starts_with(own_service))
        return message::error(0, errc::no_such_method,
                              "'" + std::string(call.method) + "': no such method");
    if (const auto command = about_connection(call); !command.empty())
        return message::error(0, errc::permission_denied,
                              "'" + std::string(command) +
                                  "' is about a connection, and this one is the proxy's");
    return std::nullopt;
}

} // namespace

handler guarded(handler inner) {
    return [inner = std::move(inner)](context& c, message&& call) -> maybe_awaitable<message> {
        if (auto why = refusal(call)) return std::move(*why);
        return inner(c, std::move(call));
    };
}

} // namespace oocrpc::proxy
