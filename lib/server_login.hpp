#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <oocrpc/access_control.hpp>
#include <oocrpc/context.hpp>
#include <oocrpc/scram.hpp>

namespace oocrpc {

/// The logins of one connection at the server, one at a time: a session of its context.
///
/// Names of mechanisms and messages are those of SASL (RFC 4422) and MongoDB's auth.md. Whatever
/// goes wrong throws the same `unauthenticated`, and the log is told why; the connection is
/// nobody's from then on, and after the third time, whatever was between them, it ends. What it has
/// sent by then is refused without a look at it.
class server_login {
  public:
    /// What is sent back.
    struct step {
        std::string payload;
        bool done = false;
    };
    step start(const access_control& access, context& c, std::string_view mechanism,
               std::string_view payload);
    step next(const access_control& access, context& c, std::string_view payload);
    /// Refuses what is no login at all.
    [[noreturn]] void fail(const access_control& access, context& c, std::string_view why);
    /// A login is under way.
    bool begun() const noexcept { return scram_.has_value(); }

  private:
    step advance(const access_control& access, context& c, std::string_view payload);
    bool claim(std::string_view name);
    std::string plain(const access_control& access, const context& c, std::string_view payload);
    std::string certificate(const access_control& access, const context& c,
                            std::string_view payload);
    step succeed(const access_control& access, context& c, std::string payload);

    std::string mechanism_, claimed_;
    std::optional<scram::server> scram_;
    int failures_ = 0;
};

} // namespace oocrpc
