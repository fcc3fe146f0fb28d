#include "support/scram.hpp"
#include "support/test.hpp"

#include <set>

#include <oocrpc/error.hpp>

using namespace oocrpc;
using namespace oocrpc::test;
using scram::failure;
using scram::mechanism;

namespace {

constexpr auto both = {mechanism::sha_1, mechanism::sha_256};

/// A user, `ada`, with the password `pencil`, and who wants to be her.
struct login {
    mechanism by = mechanism::sha_256;
    scram::credentials known =
        scram::make_credentials(by, scram::prepare(by, "ada", "pencil"), 4096, "0123456789ab");
    scram::client client{by, "ada", scram::prepare(by, "ada", "pencil")};
    scram::server server = another();

    scram::server another() const {
        return {by, [c = known](std::string_view) { return c; }};
    }
    bool run() {
        const auto challenge = server.next(client.first());
        const auto proof = client.next(challenge.message);
        const auto verdict = server.next(proof.message);
        return verdict.ok() && client.next(verdict.message).ok();
    }
};

} // namespace

TEST_SUITE("scram") {

TEST_CASE("the conversations of the specifications are held word for word, from both ends") {
    for (const auto& v : scram_vectors()) {
        CAPTURE(v.source);
        scram::client client(v.mechanism, v.user, secret(std::string_view(v.prepared)), {},
                             v.client_nonce);
        std::string asked;
        scram::server server(
            v.mechanism,
            [&](std::string_view name) {
                asked = name;
                return credentials_of(v);
            },
            v.server_nonce);
        CHECK(client.first() == v.client_first);
        CHECK(server.next(client.first()).message == v.server_first);
        CHECK(asked == v.user);
        CHECK(client.next(v.server_first).message == v.client_final);
        CHECK_FALSE(server.authenticated());
        CHECK(server.next(v.client_final).message == v.server_final);
        CHECK(server.authenticated());
        CHECK(server.user() == v.user);
        CHECK_FALSE(client.authenticated());
        const auto last = client.next(v.server_final);
        CHECK(last.ok());
        CHECK(last.message.empty());
        CHECK(client.authenticated());
    }
}

TEST_CASE("each failure has its words") {
    std::set<std::string_view> words;
    for (int f = 0; f <= static_cast<int>(failure::refused); ++f)
        words.insert(to_string(static_cast<failure>(f)));
    CHECK(words.size() == static_cast<int>(failure::refused) + 1);
    CHECK(to_string(failure::refused) == "refused by the server");
}

TEST_CASE("the right password logs in by either mechanism, the wrong one by none") {
    for (const auto m : both) {
        CHECK(login{m}.run());
        login wrong{m};
        wrong.client = {m, "ada", scram::prepare(m, "ada", "pen")};
        const auto challenge = wrong.server.next(wrong.client.first());
        const auto proof = wrong.client.next(challenge.message);
        CHECK(wrong.server.next(proof.message).why == failure::proof);
        CHECK_FALSE(wrong.server.authenticated());
    }
}

TEST_CASE("names with commas, equals signs and any letters arrive as they are") {
    for (const std::string name : {"a,b=c", "=2C", ",,==", "\u6771\u4eac", "CN=ada,O=x", " "}) {
        CAPTURE(name);
        login l;
        l.client = {l.by, name, scram::prepare(l.by, name, "pencil")};
        std::string asked;
        l.server = {l.by, [&, c = l.known](std::string_view n) {
                        asked = n;
                        return c;
                    }};
        CHECK(l.run());
        CHECK(asked == name);
        CHECK(l.server.user() == name);
    }
    CHECK(scram::client(mechanism::sha_1, "a,=b", secret(), {}, "x").first() ==
          "n,,n=a=2C=3Db,r=x");
}

TEST_CASE("what a client knows from its last login saves it the hashing, and is checked") {
    login first;
    CHECK(first.client.keys() == nullptr);
    REQUIRE(first.run());
    const auto keys = first.client.keys();
    REQUIRE(keys);

    login again;
    again.client = {again.by, "ada", secret(), keys}; // no password: it is not looked at
    CHECK(again.run());
    CHECK(again.client.keys() == keys);

    for (const bool other_salt : {true, false}) { // the password was set anew meanwhile
        login changed;
        changed.known = scram::make_credentials(
            changed.by, scram::prepare(changed.by, "ada", "pencil"), other_salt ? 4096 : 5000,
            other_salt ? "another salt" : "0123456789ab");
        changed.server = changed.another();
        changed.client = {changed.by, "ada", scram::prepare(changed.by, "ada", "pencil"), keys};
        CHECK(changed.run());
        CHECK(changed.client.keys() != keys);
    }
}

TEST_CASE("a proof is of no use a second time") {
    login l;
    const auto first = l.client.first();
    const auto proof = l.client.next(l.server.next(first).message).message;
    CHECK(l.server.next(proof).ok());
    auto replayed = l.another();
    CHECK(replayed.next(first).ok());
    CHECK(replayed.next(proof).why == failure::nonce);
}

TEST_CASE("nothing follows the last message, a failure, or the other end's message") {
    login l;
    REQUIRE(l.run());
    CHECK(l.server.next("").why == failure::out_of_order);
    CHECK_FALSE(l.server.authenticated());
    CHECK(l.client.next("").why == failure::out_of_order);
    CHECK_FALSE(l.client.authenticated());

    login failed;
    const auto challenge = failed.server.next(failed.client.first()).message;
    CHECK(failed.server.next("nonsense").why == failure::malformed);
    CHECK(failed.server.next(failed.client.next(challenge).message).why == failure::out_of_order);
    CHECK(failed.client.next("nonsense").why == failure::malformed);
    CHECK(failed.client.next("nonsense").why == failure::out_of_order);

    login backwards;
    CHECK(backwards.server.next("c=biws,r=x,p=AAAA").why == failure::malformed);
    CHECK(backwards.client.next("v=AAAA").why == failure::malformed);
}

TEST_CASE("an unknown user is answered like any other, each time the same, and never let in") {
    const std::string server_secret(32, 'k');
    for (const auto m : both) {
        const auto made_up = scram::decoy(m, server_secret, "nobody", 4096);
        const auto real =
            scram::make_credentials(m, secret(std::string_view("x")), 4096, scram::make_salt(m));
        CHECK(made_up.salt.size() == real.salt.size());
        CHECK(made_up.stored_key.size() == real.stored_key.size());
        CHECK(made_up.server_key.size() == real.server_key.size());
        CHECK(made_up == scram::decoy(m, server_secret, "nobody", 4096));
        CHECK(made_up.salt != scram::decoy(m, server_secret, "somebody", 4096).salt);
        CHECK(made_up.salt != scram::decoy(m, std::string(32, 'l'), "nobody", 4096).salt);
        CHECK(made_up.stored_key != made_up.server_key);

        login l{m};
        l.known = made_up;
        l.server = l.another();
        const auto proof = l.client.next(l.server.next(l.client.first()).message);
        CHECK(l.server.next(proof.message).why == failure::proof);
    }
    CHECK(scram::decoy(mechanism::sha_1, server_secret, "nobody", 4096).salt !=
          scram::decoy(mechanism::sha_256, server_secret, "nobody", 4096).salt.substr(0, 16));
}

TEST_CASE("what the lookup throws goes to the caller, and the login is over") {
    scram::server server(mechanism::sha_256, [](std::string_view) -> scram::credentials {
        throw rpc_error(errc::unavailable);
    });
    CHECK_THROWS_AS(server.next("n,,n=ada,r=x"), rpc_error);
    CHECK(server.next("n,,n=ada,r=x").why == failure::out_of_order);
}

} // TEST_SUITE("scram")
