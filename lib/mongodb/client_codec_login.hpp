#pragma once

#include <memory>
#include <optional>
#include <string>

#include <oocrpc/bson_value.hpp>
#include <oocrpc/client_login.hpp>
#include <oocrpc/error.hpp>

namespace oocrpc::mongodb {

/// The login of one connection of a client, in MongoDB's commands (auth.md of its specifications):
/// what is added to hello, then one command after the other.
class login_conversation {
  public:
    /// `encrypted`: what is sent cannot be read on its way.
    login_conversation(std::shared_ptr<client_login> as, bool encrypted);

    /// Adds what hello takes of it: the question which mechanisms there are, and the first step, in
    /// case that the server takes it already.
    void add_to_hello(bson::document_writer& hello);
    /// Adds the next command's elements, up to `$db`; after a reply, while neither done() nor
    /// failed().
    void write(bson::document_writer& command);

    void on_hello(bytes reply);
    void on_reply(bytes reply);

    bool done() const noexcept { return state_ == state::done; }
    bool failed() const noexcept { return state_ == state::failed; }
    /// Once failed(): `unauthenticated`, or `overloaded` where the server has no time, and why.
    const rpc_error& why() const noexcept { return *why_; }

  private:
    enum class state {
        hello, ///< its answer decides
        start, ///< the first command is to be sent
        next,  ///< a command of SCRAM that has an answer of ours
        empty, ///< the server has shown itself, but wants one more, empty message
        done,
        failed,
    };
    void begin(scram::mechanism m);
    void write_start(bson::document_writer& command);
    void write_first(bson::document_writer& command);
    void write_x509(bson::document_writer& command) const;
    void choose(bytes hello);
    void on_step(bytes step);
    void fail(const std::string& why, errc code = errc::unauthenticated);

    std::shared_ptr<client_login> as_;
    bool encrypted_;
    bool started_ = false; ///< the first step was sent, with hello or after it
    state state_ = state::hello;
    std::string mechanism_;
    std::optional<scram::mechanism> hash_; ///< of SCRAM
    std::optional<scram::client> scram_;
    std::string payload_;      ///< of the next message
    bson::value conversation_; ///< its id, as the server gave it
    std::optional<rpc_error> why_;
};

} // namespace oocrpc::mongodb
