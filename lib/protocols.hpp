#pragma once

#include <memory>
#include <string_view>

#include <oocrpc/access_control.hpp>
#include <oocrpc/call_registry.hpp>
#include <oocrpc/client.hpp>
#include <oocrpc/codec.hpp>
#include <oocrpc/handler.hpp>
#include <oocrpc/limits.hpp>
#include <oocrpc/url.hpp>

namespace oocrpc::protocols {

// The one place that names the protocols. A function for each question that differs between them.

/// What a client of `to` goes by: `options`, with what the URL says itself. Throws
/// rpc_error(invalid_argument) that names the option of the URL that cannot be kept.
client_options options_for(const url& to, client_options options);

/// The codec of a connection to `to`. Throws rpc_error(invalid_argument) for what it cannot do.
std::unique_ptr<codec> client_codec(const url& to, const limits& limit);

/// The codec of a connection that was accepted at `at`: an `oocrpc` listener speaks every
/// protocol, the first bytes of a connection decide; others speak their own only.
std::unique_ptr<codec> server_codec(const url& at, const limits& limit);

/// `inner`, and around it what answers the protocols' own commands, which are no methods. With
/// `access`, only who has logged in gets further, and `inner` gets the calls that are allowed.
handler serving(handler inner, std::shared_ptr<call_registry> registry,
                std::shared_ptr<const access_control> access);

/// True for a method, `name` or `service.name`, that no service may have: a protocol has a command
/// of its own under that name.
bool reserved(std::string_view method) noexcept;

} // namespace oocrpc::protocols
