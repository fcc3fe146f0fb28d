// How mongodb_client_codec logs in, without io.

#include "captures_path.hpp"
#include "support/login_server.hpp"

#include <fstream>

#include <oocrpc/mongodb_client_codec.hpp>

using namespace oocrpc;
using oocrpc::test::login_server;
using texts = std::vector<std::string>;

namespace {

std::shared_ptr<client_login> login_of(std::string user, std::string_view password,
                                       std::string mechanism = {}, std::string source = "admin") {
    auto l = std::make_shared<client_login>();
    l->user = std::move(user);
    if (!password.empty()) l->password = std::make_shared<const secret>(password);
    l->mechanism = std::move(mechanism);
    l->source = std::move(source);
    return l;
}

/// A client's codec and its server, until one has nothing more to say.
struct conversation {
    explicit conversation(std::shared_ptr<client_login> as, login_server::behaviour how = {},
                          bool encrypted = false)
        : server(std::move(how)),
          codec(options_of(std::move(as), encrypted)) {
        byte_buffer out;
        for (codec.speak(out); !out.empty() && failure.empty(); codec.speak(out)) {
            CHECK(!codec.ready());
            const auto reply = server.answer(out);
            out.clear();
            message m;
            const auto d = codec.decode(reply, m);
            if (d.what == decoded::state::malformed) {
                failure = d.reason;
                code = d.code;
            } else {
                CHECK(d.size == reply.size());
                CHECK(m.kind == message_kind::ignored);
            }
        }
        CHECK(codec.ready() == (failure.empty() && server.logged_in));
    }
    static mongodb_client_options options_of(std::shared_ptr<client_login> as, bool encrypted) {
        mongodb_client_options options;
        options.login = std::move(as);
        options.encrypted = encrypted;
        return options;
    }

    login_server server;
    mongodb_client_codec codec;
    std::string failure;
    errc code = errc::internal;
};

std::string failure_of(login_server::behaviour how, std::string_view password = "pencil",
                       std::string user = "ann") {
    conversation c(login_of(std::move(user), password), std::move(how));
    CHECK(c.code == errc::unauthenticated);
    CHECK(!c.codec.ready());
    return c.failure;
}

/// The commands of node's driver (captures/README.md), in their order.
std::vector<json> recorded() {
    std::ifstream in(std::string(captures_path) + "/node-7.9.0-auth-scram256.jsonl");
    std::vector<json> all;
    for (std::string line; std::getline(in, line);) {
        const std::string hex = json::parse(line)["hex"];
        byte_buffer message;
        for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
            message.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
        mongodb::op_query q;
        mongodb::op_msg m;
        const bool old = mongodb::read_header(message).operation == mongodb::opcode::query;
        REQUIRE((old ? parse(message, q) : parse(message, m)) == "");
        all.push_back(bson::to_json({bson::type::document, old ? q.query : m.body}));
    }
    return all;
}

} // namespace

TEST_SUITE("mongodb_client_login") {

TEST_CASE("the first step goes with hello, so that a login takes one more round") {
    for (const auto* mechanism : {"", "SCRAM-SHA-256", "SCRAM-SHA-1"}) {
        CAPTURE(mechanism);
        conversation c(login_of("ann", "pencil", mechanism, "users"));
        CHECK(c.failure == "");
        CHECK(c.server.who == "ann");
        CHECK(c.server.source == "users");
        CHECK(c.server.names() == texts{"hello", "saslContinue"});
        const auto& hello = c.server.commands[0];
        const auto& step = hello.at("speculativeAuthenticate");
        const bool sha_1 = mechanism == std::string("SCRAM-SHA-1");
        CHECK(step["mechanism"] == (sha_1 ? "SCRAM-SHA-1" : "SCRAM-SHA-256"));
        CHECK(step["options"]["skipEmptyExchange"] == true);
        CHECK(step["db"] == "users");
        CHECK(hello.contains("saslSupportedMechs") == !*mechanism);
        if (!*mechanism) CHECK(hello["saslSupportedMechs"] == "users.ann");
        CHECK(c.server.commands[1]["$db"] == "users");
    }
}

TEST_CASE("a server that does not speculate is asked by saslStart, by what it says the user has") {
    login_server::behaviour quiet;
    quiet.speculates = false;
    conversation c(login_of("ann", "pencil"), quiet);
    CHECK(c.failure == "");
    CHECK(c.server.names() == texts{"hello", "saslStart", "saslContinue"});
    CHECK(c.server.commands[1]["mechanism"] == "SCRAM-SHA-256");
    CHECK(c.server.commands[1]["$db"] == "admin");
    // What it had been sent with hello counts for nothing: the nonce is another.
    const auto& hello = c.server.commands[0];
    CHECK(hello["speculativeAuthenticate"]["payload"] != c.server.commands[1]["payload"]);

    conversation old(login_of("old", "pencil"), quiet);
    CHECK(old.failure == "");
    CHECK(old.server.commands[1]["mechanism"] == "SCRAM-SHA-1");
    quiet.lists_mechanisms = false;
    conversation silent(login_of("ann", "pencil"), quiet);
    CHECK(silent.failure == "");
    CHECK(silent.server.commands[1]["mechanism"] == "SCRAM-SHA-1");
    conversation asked(login_of("ann", "pencil", "SCRAM-SHA-256"), quiet);
    CHECK(asked.failure == "");
    CHECK(asked.server.commands[1]["mechanism"] == "SCRAM-SHA-256");
}

TEST_CASE("a server without hello, or without skipEmptyExchange, is logged in to as well") {
    login_server::behaviour of_old;
    of_old.knows_hello = of_old.skips_empty = false;
    for (const bool speculates : {true, false}) {
        of_old.speculates = speculates;
        conversation c(login_of("ann", "pencil"), of_old);
        CHECK(c.failure == "");
        CHECK(c.server.logged_in);
        auto expected = texts{"hello", "isMaster", "saslContinue", "saslContinue"};
        if (!speculates) expected.insert(expected.begin() + 2, "saslStart");
        CHECK(c.server.names() == expected);
    }
}

TEST_CASE(
    "a wrong password, an unknown user and a server without login are told apart from noise") {
    for (const bool speculates : {true, false}) {
        login_server::behaviour how;
        how.speculates = speculates;
        for (const auto* user : {"ann", "nobody"}) {
            CHECK(failure_of(how, "pen", user) ==
                  "the login of '" + std::string(user) +
                      "' by SCRAM-SHA-256 failed: the server says unauthenticated: "
                      "Authentication failed.");
        }
    }
    login_server::behaviour none;
    none.speculates = false;
    none.change = [](json& reply) {
        if (reply.contains("payload"))
            reply = {{"ok", 0}, {"code", 59}, {"errmsg", "no such command: 'saslStart'"}};
    };
    CHECK(
        failure_of(none).ends_with("the server says no_such_method: no such command: 'saslStart'"));
}

TEST_CASE("a server that has no time for logins is overloaded, which is no wrong password") {
    login_server::behaviour busy;
    busy.busy = 2;
    conversation c(login_of("ann", "pencil"), busy);
    CHECK(c.code == errc::overloaded);
    CHECK(c.failure.ends_with("the server says overloaded: too many logins"));
}

TEST_CASE("what a server that does not know the password could try ends the connection") {
    const auto with = [](int step, std::function<std::string(std::string)> change) {
        login_server::behaviour how;
        how.spoil = [=](std::string message, int at) {
            return at == step ? change(std::move(message)) : message;
        };
        const auto text = failure_of(how);
        const std::string begin = "the login of 'ann' by SCRAM-SHA-256 failed: ";
        REQUIRE(text.starts_with(begin));
        return text.substr(begin.size());
    };
    const auto replaced = [](const char* from, const char* to) {
        return [=](std::string text) {
            const auto at = text.find(from);
            REQUIRE(at != text.npos);
            return text.replace(at, std::string(from).size(), to);
        };
    };
    CHECK(with(1, replaced("r=", "r=x")) == "the wrong nonce");
    CHECK(with(1, replaced("i=4096", "i=4095")) == "too few or too many iterations");
    CHECK(with(1, replaced("i=4096", "i=1000001")) == "too few or too many iterations");
    CHECK(with(1, replaced("s=", "m=x,s=")) == "a malformed message");
    CHECK(with(1, [](auto) { return ""; }) == "a malformed message");
    CHECK(with(2, [](auto) { return "v=" + std::string(43, 'A') + "="; }) ==
          "the server does not know the password");
    CHECK(with(2, [](auto) { return "e=other-error"; }) == "refused by the server");
    CHECK(with(2, [](auto) { return ""; }) == "a malformed message");
}

TEST_CASE("a login ends only when both sides have shown that they know the password") {
    login_server::behaviour how;
    how.change = [](json& reply) {
        if (reply.contains("done")) reply["done"] = true; // before the proof
    };
    how.speculates = false;
    CHECK(failure_of(how).ends_with("the server has not shown that it knows the password"));
    how.change = [](json& reply) {
        if (reply.contains("done")) reply["done"] = false; // for ever
    };
    CHECK(conversation(login_of("ann", "pencil"), how).failure.ends_with("than there is to say"));
    how.change = [](json& reply) { reply.erase("payload"); };
    CHECK(failure_of(how).ends_with("the server's answer has no payload"));
    how.change = [](json& reply) {
        if (reply.contains("payload")) reply["payload"] = "text";
    };
    CHECK(failure_of(how).ends_with("the server's answer has no payload"));
}

TEST_CASE("a second login takes the keys of the first, unless salt or password have changed") {
    const auto as = login_of("ann", "pencil");
    constexpr auto m = scram::mechanism::sha_256;
    CHECK(!as->keys(m));
    CHECK(conversation(as).failure == "");
    const auto first = as->keys(m);
    REQUIRE(first);
    CHECK(conversation(as).failure == "");
    CHECK(as->keys(m) == first);
    CHECK(!as->keys(scram::mechanism::sha_1));

    // Keys of a login that failed are of no use.
    const auto wrong = login_of("ann", "pen");
    CHECK(conversation(wrong).failure != "");
    CHECK(!wrong->keys(m));
}

TEST_CASE("a password that SASLprep prohibits is none for SHA-256, but may be one for SHA-1") {
    // ann's password is another; what counts is by what it is tried.
    conversation c(login_of("ann", "a\x07"), {});
    CHECK(c.server.names() == texts{"hello"});
    CHECK(c.code == errc::unauthenticated);
    CHECK(c.failure.find("SCRAM-SHA-256 failed: ") != c.failure.npos);
    CHECK(c.failure.find('\x07') == c.failure.npos);
    conversation old(login_of("old", "a\x07"), {});
    CHECK(old.server.names() == texts{"hello", "saslStart", "saslContinue"});
}

TEST_CASE("PLAIN sends the password over encrypted connections only, and not with hello") {
    conversation c(login_of("ann", "pencil", "PLAIN", "$external"), {}, true);
    CHECK(c.failure == "");
    CHECK(c.server.names() == texts{"hello", "saslStart"});
    CHECK(!c.server.commands[0].contains("speculativeAuthenticate"));
    CHECK(c.server.commands[1]["$db"] == "$external");

    conversation wrong(login_of("ann", "pen", "PLAIN", "$external"), {}, true);
    CHECK(wrong.code == errc::unauthenticated);
    CHECK(wrong.failure.find("pen ") == wrong.failure.npos);

    conversation open(login_of("ann", "pencil", "PLAIN", "$external"), {}, false);
    CHECK(open.failure == "the login of 'ann' by PLAIN failed: the connection is not encrypted, "
                          "and the password would be sent as it is");
    CHECK(open.code == errc::unauthenticated);
    CHECK(open.server.names() == texts{"hello"});
}

TEST_CASE("a certificate logs in by MONGODB-X509, with hello or after it, with a name or without") {
    login_server::behaviour how;
    how.certificate = "CN=ann,O=poets";
    for (const bool speculates : {true, false})
        for (const auto* user : {"", "CN=ann,O=poets"}) {
            how.speculates = speculates;
            conversation c(login_of(user, "", "MONGODB-X509", "$external"), how, true);
            CHECK(c.failure == "");
            CHECK(c.server.who == "CN=ann,O=poets");
            CHECK(c.server.names() ==
                  (speculates ? texts{"hello"} : texts{"hello", "authenticate"}));
            CHECK(c.server.commands.back().contains("$db"));
            if (!speculates) CHECK(c.server.commands[1]["$db"] == "$external");
        }
    conversation other(login_of("CN=bob", "", "MONGODB-X509", "$external"), how, true);
    CHECK(other.code == errc::unauthenticated);
    CHECK(other.failure.starts_with("the login of 'CN=bob' by MONGODB-X509 failed: "));
}

TEST_CASE(
    "what servers leave out of a login, or say in another way, ends it clearly or not at all") {
    login_server::behaviour how;
    const auto reason = [&](std::function<void(json&)> change) {
        how.change = std::move(change);
        return conversation(login_of("ann", "pencil"), how).failure;
    };
    // A step that does not say "done" is not the last; one without conversation is not found again.
    CHECK(reason([](json& reply) {
              if (reply.contains("done")) reply.erase("done");
          }).ends_with("than there is to say"));
    const auto lost = reason([](json& reply) {
        auto& step = reply.contains("ok") && reply.contains("speculativeAuthenticate")
                         ? reply["speculativeAuthenticate"]
                         : reply;
        step.erase("conversationId");
    });
    CHECK(lost.find("the server says unauthenticated") != lost.npos);
    // What is no step, and no list of mechanisms, counts as none.
    CHECK(reason([](json& reply) {
              if (reply.contains("speculativeAuthenticate"))
                  reply["speculativeAuthenticate"] = "later";
          }) == "");
    for (const auto& known : {json("SCRAM-SHA-256"), json::array({5, json::array()})}) {
        how.speculates = false;
        how.change = [&](json& reply) {
            if (reply.contains("saslSupportedMechs")) reply["saslSupportedMechs"] = known;
        };
        conversation c(login_of("ann", "pencil"), how);
        CHECK(c.failure == "");
        CHECK(c.server.commands[1]["mechanism"] == "SCRAM-SHA-1");
    }
    conversation nobody(login_of("", "", "MONGODB-X509", "$external"), {}, true);
    CHECK(nobody.failure.starts_with("the login by MONGODB-X509 failed: "));
}

TEST_CASE("a handshake that breaks before the login is no failed login") {
    login_server::behaviour how;
    how.change = [](json& reply) {
        reply = {{"ok", 0}, {"code", 1}, {"codeName", "InternalError"}, {"errmsg", "no"}};
    };
    conversation c(login_of("ann", "pencil"), how);
    CHECK(c.failure.starts_with("an error instead of a handshake"));
    CHECK(c.code == errc::protocol_error);
}

TEST_CASE("a second answer to hello counts for nothing") {
    mongodb_client_codec codec(conversation::options_of(login_of("ann", "pencil"), false));
    login_server server;
    byte_buffer hello;
    codec.speak(hello);
    const auto reply = server.answer(hello);
    message m;
    for (int i = 0; i < 2; ++i) {
        CHECK(codec.decode(reply, m).what == decoded::state::message);
        CHECK(m.kind == message_kind::ignored);
        CHECK(!codec.ready());
    }
    byte_buffer next;
    codec.speak(next);
    CHECK(codec.decode(server.answer(next), m).what == decoded::state::message);
    CHECK(codec.ready());
}

TEST_CASE("calls wait for the login, and go out after it") {
    conversation c(login_of("ann", "pencil"));
    byte_buffer out;
    auto m = message::call("demo.who");
    m.id = 5;
    REQUIRE(c.codec.encode(m, out) == encoded::done);
    message reply;
    const auto answer = c.server.answer(out);
    CHECK(c.codec.decode(answer, reply).what == decoded::state::message);
    CHECK(reply.id == 5);
    CHECK(bson::to_json(reply.body) == "ann");

    mongodb_client_codec early(conversation::options_of(login_of("ann", "pencil"), false));
    byte_buffer hello;
    early.speak(hello);
    CHECK(early.encode(m, out) == encoded::unsupported);
}

TEST_CASE("what is sent has the form that node's driver was seen to send") {
    const auto shape = [](json step) {
        REQUIRE(step.at("payload").is_binary());
        CHECK(step["payload"].get_binary().subtype() == 0);
        step["payload"] = "";
        step["conversationId"] = 0;
        return step.dump();
    };
    const auto seen = recorded();
    REQUIRE(seen.size() > 20);
    login_server::behaviour how;
    for (const bool speculates : {true, false}) {
        how.speculates = speculates;
        conversation c(login_of("user", "pencil"), how);
        const auto& hello = c.server.commands.at(0);
        CHECK(hello.at("saslSupportedMechs") == seen[1].at("saslSupportedMechs"));
        CHECK(shape(hello.at("speculativeAuthenticate")) ==
              shape(seen[1].at("speculativeAuthenticate")));
        if (!speculates) CHECK(shape(c.server.commands.at(1)) == shape(seen[20]));
        CHECK(shape(c.server.commands.back()) == shape(seen[2]));
    }
}

TEST_CASE("the password is in nothing that is sent for SCRAM") {
    for (const bool speculates : {true, false}) {
        login_server::behaviour how;
        how.speculates = speculates;
        conversation c(login_of("ann", "pencil"), how);
        for (const auto& command : c.server.commands) {
            byte_buffer bytes_of;
            bson::put_document(bytes_of, command);
            const std::string_view text(reinterpret_cast<const char*>(bytes_of.data()),
                                        bytes_of.size());
            CHECK(text.find("pencil") == text.npos);
        }
    }
}

} // TEST_SUITE("mongodb_client_login")
