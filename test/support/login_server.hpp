#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <oocrpc/bson_json.hpp>
#include <oocrpc/scram.hpp>
#include <oocrpc/user_store.hpp>

#include "../../lib/mongodb/wire.hpp"
#include "test.hpp"

namespace oocrpc::test {

/// "ann", whose password is "pencil", with keys that take little time, and "old", with SHA-1 alone.
inline const user_store& login_users() {
    static const user_store users = [] {
        user_store all(std::string(32, 's'));
        user ann{"ann"}, old{"old"};
        for (const auto m : {scram::mechanism::sha_1, scram::mechanism::sha_256}) {
            const auto keys = [&](const std::string& of) {
                return scram::make_credentials(m, scram::prepare(m, of, "pencil"),
                                               scram::least_iterations, scram::make_salt(m));
            };
            ann.credentials.push_back(keys("ann"));
            if (m == scram::mechanism::sha_1) old.credentials.push_back(keys("old"));
        }
        all.add(std::move(ann));
        all.add(std::move(old));
        return all;
    }();
    return users;
}

/// A MongoDB server as far as logins go: one connection of it, without io, which can be told to do
/// what no server should.
class login_server {
  public:
    struct behaviour {
        bool speculates = true;       ///< answers the first step in hello
        bool lists_mechanisms = true; ///< answers saslSupportedMechs
        bool knows_hello = true;
        bool skips_empty = true; ///< honours skipEmptyExchange
        std::string certificate; ///< the subject that MONGODB-X509 finds; empty: none
        /// What becomes of the server's messages of SCRAM; the number counts from 1.
        std::function<std::string(std::string, int)> spoil;
        std::function<void(json& reply)> change; ///< what becomes of a reply
        int busy = 0;                            ///< logins that are refused as overload
    };

    login_server() : login_server(behaviour{}) {}
    explicit login_server(behaviour b) : how(std::move(b)) {}

    /// The reply to a whole message; empty where there is none.
    byte_buffer answer(bytes message) {
        const auto head = mongodb::read_header(message);
        byte_buffer out;
        if (head.operation == mongodb::opcode::query) {
            mongodb::op_query q;
            REQUIRE(parse(message, q) == "");
            const auto reply = written(handle(bson::to_json({bson::type::document, q.query})));
            mongodb::op_reply r;
            r.count = 1;
            r.documents = reply;
            put(out, r, 1, head.request_id);
            return out;
        }
        mongodb::op_msg m;
        REQUIRE(parse(message, m) == "");
        auto command = bson::to_json({bson::type::document, m.body});
        const auto start = mongodb::begin_msg(out, 0, 1, head.request_id);
        out.append(written(handle(std::move(command))));
        mongodb::end_message(out, start);
        return out;
    }

    behaviour how;
    bool logged_in = false;
    std::string who;
    std::vector<json> commands; ///< as they came
    std::vector<std::string> names() const {
        std::vector<std::string> all;
        for (const auto& c : commands) all.push_back(c.begin().key());
        return all;
    }

  private:
    static byte_buffer written(const json& document) {
        byte_buffer out;
        bson::put_document(out, document);
        return out;
    }
    static json failure(int code, const char* name, const char* text) {
        return {{"ok", 0}, {"code", code}, {"codeName", name}, {"errmsg", text}};
    }
    static json refusal() { return failure(18, "AuthenticationFailed", "Authentication failed."); }
    static std::string payload_of(const json& command) {
        const auto& data = command.at("payload").get_binary();
        return {data.begin(), data.end()};
    }
    static json binary(std::string_view text) {
        return json::binary(std::vector<std::uint8_t>(text.begin(), text.end()));
    }

    json handle(json command) {
        commands.push_back(command);
        auto reply = reply_to(command);
        if (how.change) how.change(reply);
        return reply;
    }

    json reply_to(const json& command) {
        const auto name = command.begin().key();
        if (name == "hello" && !how.knows_hello) return failure(59, "CommandNotFound", "no hello");
        if (name == "hello" || name == "isMaster") return greet(command);
        if (name == "saslStart") return start(command, command.at("$db"));
        if (name == "saslContinue") return go_on(command);
        if (name == "authenticate") return by_certificate(command);
        if (!logged_in) return failure(13, "Unauthorized", "requires authentication");
        return {{"reply", who}, {"ok", 1}};
    }

    json greet(const json& hello) {
        json reply{{"ok", 1}, {"maxWireVersion", 21}};
        if (hello.contains("saslSupportedMechs") && how.lists_mechanisms) {
            const std::string full = hello["saslSupportedMechs"];
            auto& all = reply["saslSupportedMechs"] = json::array();
            for (const auto m : login_users().mechanisms(full.substr(full.find('.') + 1)))
                all.push_back(std::string(to_string(m)));
        }
        if (!hello.contains("speculativeAuthenticate") || !how.speculates) return reply;
        const auto& step = hello["speculativeAuthenticate"];
        auto early =
            step.contains("authenticate") ? by_certificate(step) : start(step, step.at("db"));
        if (early["ok"] == 0) return reply;
        early.erase("ok");
        reply["speculativeAuthenticate"] = std::move(early);
        return reply;
    }

    json start(const json& command, const std::string& database) {
        if (how.busy > 0 && how.busy--) return failure(462, "Overloaded", "too many logins");
        source = database;
        const std::string mechanism = command.at("mechanism");
        if (mechanism == "PLAIN") {
            logged_in = payload_of(command) == std::string("\0ann\0pencil", 11);
            who = "ann";
            if (!logged_in) return refusal();
            return {{"conversationId", 1}, {"done", true}, {"payload", binary("")}, {"ok", 1}};
        }
        const auto m = scram::mechanism_from_string(mechanism);
        REQUIRE(m);
        skip_ = command.contains("options") && command["options"]["skipEmptyExchange"] == true;
        scram_.emplace(
            *m, [m = *m](std::string_view user) { return login_users().credentials(m, user); });
        step_ = 0;
        return next(payload_of(command));
    }

    json go_on(const json& command) {
        if (!scram_ || command.at("conversationId") != 7) return refusal();
        if (scram_->authenticated()) { // the empty exchange
            CHECK(payload_of(command) == "");
            logged_in = true;
            return {{"conversationId", 7}, {"done", true}, {"payload", binary("")}, {"ok", 1}};
        }
        return next(payload_of(command));
    }

    json next(const std::string& message) {
        auto answer = scram_->next(message);
        if (!answer.ok()) return refusal();
        ++step_;
        if (how.spoil) answer.message = how.spoil(answer.message, step_);
        who = scram_->user();
        const bool done = scram_->authenticated() && skip_ && how.skips_empty;
        logged_in = done;
        return {
            {"conversationId", 7}, {"done", done}, {"payload", binary(answer.message)}, {"ok", 1}};
    }

    json by_certificate(const json& command) {
        const bool other = command.contains("user") && command["user"] != how.certificate;
        if (how.certificate.empty() || other) return refusal();
        logged_in = true;
        who = how.certificate;
        return {{"dbname", "$external"}, {"user", who}, {"ok", 1}};
    }

    std::optional<scram::server> scram_;
    int step_ = 0;
    bool skip_ = false;

  public:
    std::string source; ///< the database of the last saslStart
};

} // namespace oocrpc::test
