#pragma once

#include <memory>
#include <string_view>

#include <oocrpc/access_control.hpp>
#include <oocrpc/call_registry.hpp>
#include <oocrpc/client.hpp>
#include <oocrpc/client_login.hpp>
#include <oocrpc/codec.hpp>
#include <oocrpc/handler.hpp>
#include <oocrpc/limits.hpp>
#include <oocrpc/url.hpp>

namespace oocrpc::protocols {

// The one place that names the protocols. A function for each question that differs between them.

/// What a client of `to` goes by: `options`, with what the URL says itself. Throws
/// rpc_error(invalid_argument) that names the option of the URL that cannot be kept.
client_options options_for(const url& to, client_options options);

/// Who logs in to `to`, by what the URL and then `options` say; null: nobody. Throws
/// rpc_error(invalid_argument) where that is no login: without a password, with a mechanism that
/// there is not, with one that the connection is not fit for.
std::shared_ptr<client_login> login_for(const url& to, const client_options& options);

/// True where the codec of `to` leaves it to calls of `oocrpc.sasl_start` to log in.
bool logs_in_by_calls(const url& to) noexcept;

/// The codec of a connection to `to`, which logs in as `who` unless that is null or
/// logs_in_by_calls(). Throws rpc_error(invalid_argument) for what it cannot do.
std::unique_ptr<codec> client_codec(const url& to, const limits& limit,
                                    std::shared_ptr<client_login> who, bool encrypted);

/// The codec of a connection that was accepted at `at`: an `oocrpc` listener speaks every
/// protocol, the first bytes of a connection decide; others speak their own only.
std::unique_ptr<codec> server_codec(const url& at, const limits& limit);

/// Throws rpc_error(invalid_argument) where the URL says what a listener cannot do: it names a
/// user, or has another option than the one that says whether it is encrypted.
void require_listener(const url& at);

/// `inner`, and around it what answers the protocols' own commands, which are no methods. With
/// `access`, only who has logged in gets further, and `inner` gets the calls that are allowed.
handler serving(handler inner, std::shared_ptr<call_registry> registry,
                std::shared_ptr<const access_control> access);

/// True for a method, `name` or `service.name`, that no service may have: a protocol has a command
/// of its own under that name.
bool reserved(std::string_view method) noexcept;

} // namespace oocrpc::protocols
