#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <oocrpc/access_control.hpp>
#include <oocrpc/context.hpp>
#include <oocrpc/scram.hpp>
#include <oocrpc/secret.hpp>

namespace oocrpc {

/// The logins of one connection at the server, one at a time: a session of its context.
///
/// Names of mechanisms and messages are those of SASL (RFC 4422) and MongoDB's auth.md. Whatever
/// goes wrong throws the same `unauthenticated`, and the log is told why; the connection is
/// nobody's from then on, and after the third time, whatever was between them, it ends. What it has
/// sent by then is refused without a look at it, and so is a step that comes before the last one
/// was answered.
class server_login : public std::enable_shared_from_this<server_login> {
  public:
    /// That of the call's connection.
    static server_login& of(context& c) { return c.session<server_login>(); }

    /// What is sent back.
    struct step {
        std::string payload;
        bool done = false;
    };
    /// Each step waits for a turn of the loop, so that those who log in keep nobody from being
    /// served. Being cancelled while it waits is a failure as well. `access` and `c` must stay.
    awaitable<step> start(const access_control& access, context& c, std::string_view mechanism,
                          std::string_view payload);
    awaitable<step> next(const access_control& access, context& c, std::string_view payload);
    /// The first step at once; nothing where it takes longer, as PLAIN does.
    std::optional<step> start_early(const access_control& access, context& c,
                                    std::string_view mechanism, std::string_view payload);
    /// Refuses what is no login at all.
    [[noreturn]] void fail(const access_control& access, context& c, std::string_view why);
    /// The connection is nobody's, and a step that waits for its turn fails.
    void log_out(context& c);

  private:
    using ticket = std::shared_ptr<const void>; // of the one step that is under way
    using self_type = std::shared_ptr<server_login>;

    ticket enter();
    void go_on(const access_control& access, context& c);
    static awaitable<step> start_in_turn(self_type self, const access_control& access, context& c,
                                         ticket t, std::string mechanism, secret payload);
    static awaitable<step> next_in_turn(self_type self, const access_control& access, context& c,
                                        ticket t, secret payload);
    static awaitable<step> check(self_type self, const access_control& access, context& c, ticket t,
                                 scram::mechanism how, secret prepared);
    void begin(std::string_view mechanism);
    step first(const access_control& access, context& c, std::string_view mechanism,
               std::string_view payload);
    step advance(const access_control& access, context& c, std::string_view payload);
    bool claim(std::string_view name);
    secret password_in(const access_control& access, context& c, std::string_view payload,
                       scram::mechanism& how);
    std::string certificate(const access_control& access, const context& c,
                            std::string_view payload);
    step succeed(const access_control& access, context& c, std::string payload);
    void count_failure(const access_control& access, context& c, std::string_view why);

    std::string mechanism_, claimed_;
    std::optional<scram::server> scram_;
    std::weak_ptr<const void> under_way_;
    int failures_ = 0;
    bool logged_out_ = false; // while a step is under way
};

} // namespace oocrpc
