#include "support/login_server.hpp"

#include <oocrpc/client_login.hpp>
#include <oocrpc/error.hpp>

#include "../lib/protocols.hpp"

using namespace oocrpc;

namespace {

client_options with_password(std::string_view password) {
    client_options options;
    options.password = std::make_shared<const secret>(password);
    return options;
}

/// `user:password@source by mechanism`, or why not.
std::string login(std::string_view text, const client_options& options = {}, bool tls = false) {
    try {
        auto to = url::parse(text);
        to.tls = tls;
        const auto l = protocols::login_for(to, options);
        if (!l) return "nobody";
        return l->user + ":" + std::string(l->password ? l->password->view() : "none") + "@" +
               l->source + " by " + (l->mechanism.empty() ? "what there is" : l->mechanism);
    } catch (const rpc_error& e) {
        CHECK(e.code() == errc::invalid_argument);
        return e.detail();
    }
}

} // namespace

TEST_SUITE("client_login") {

TEST_CASE("who logs in to a MongoDB server, and where they are known, is what the URL says") {
    CHECK(login("mongodb://a") == "nobody");
    CHECK(login("mongodb://a/db?authSource=x") == "nobody");
    CHECK(login("mongodb://me:pw@a") == "me:pw@admin by what there is");
    CHECK(login("mongodb://me:pw@a/db") == "me:pw@db by what there is");
    CHECK(login("mongodb://me:pw@a/db?authSource=x") == "me:pw@x by what there is");
    CHECK(login("mongodb://me:p%40w@a/?authMechanism=SCRAM-SHA-1") ==
          "me:p@w@admin by SCRAM-SHA-1");
    CHECK(login("mongodb://me:pw@a/db?authMechanism=SCRAM-SHA-256") == "me:pw@db by SCRAM-SHA-256");
    CHECK(login("mongodb://me:pw@a/?authMechanism=PLAIN", {}, true) == "me:pw@$external by PLAIN");
    CHECK(login("mongodb://me:pw@a/db?authMechanism=PLAIN", {}, true) == "me:pw@db by PLAIN");
}

TEST_CASE("what is no login is refused before anything is sent") {
    CHECK(login("mongodb://me@a") == "the user 'me' has no password");
    CHECK(login("mongodb://me:@a") == "the user 'me' has no password");
    CHECK(login("mongodb://a/?authMechanism=SCRAM-SHA-1") ==
          "the mechanism SCRAM-SHA-1 needs a user");
    CHECK(login("mongodb://me:pw@a/?authMechanism=PLAIN") ==
          "PLAIN sends the password as it is: it needs TLS (tls=true)");
    CHECK(login("mongodb://a/?authMechanism=PLAIN", {}, true) ==
          "the mechanism PLAIN needs a user");
    CHECK(login("mongodb://me:p%07w@a/?authMechanism=SCRAM-SHA-256").find("pw") ==
          std::string::npos);
    CHECK(login("mongodb://m%FFe:pw@a").starts_with("the user is not UTF-8"));
    CHECK(login("mongodb://" + std::string(1025, 'x') + ":pw@a").ends_with("1024 bytes"));
    CHECK(login("mongodb://me:" + std::string(1025, 'x') + "@a/?authMechanism=SCRAM-SHA-1") != "");
    client_options unknown = with_password("pw");
    unknown.mechanism = "MONGODB-CR";
    CHECK(login("mongodb://me@a", unknown) == "'MONGODB-CR' is no mechanism of a MongoDB client");
}

TEST_CASE("MONGODB-X509 takes a certificate, no password, and knows users by it alone") {
    const auto x509 = [](std::string_view user, std::string_view more = "", bool tls = true) {
        const auto text = "mongodb://" + std::string(user) + "a/db?authMechanism=MONGODB-X509" +
                          std::string(more);
        return login(text, {}, tls);
    };
    const auto needs = "MONGODB-X509 needs TLS and a certificate of the client "
                       "(tlsCertificateKeyFile)";
    CHECK(x509("") == needs);
    CHECK(x509("me:pw@") == "MONGODB-X509 takes no password");
    CHECK(x509("", "&authSource=admin") == "authSource of MONGODB-X509 is $external");
}

TEST_CASE("the options of a client say who logs in where the URL does not") {
    auto options = with_password("pw");
    CHECK(login("mongodb://a", options) == "nobody");
    CHECK(login("mongodb://me@a", options) == "me:pw@admin by what there is");
    options.user = "you";
    options.mechanism = "SCRAM-SHA-1";
    CHECK(login("mongodb://a", options) == "you:pw@admin by SCRAM-SHA-1");
    CHECK(login("mongodb://me:other@a/?authMechanism=SCRAM-SHA-256", options) ==
          "me:other@admin by SCRAM-SHA-256");
    CHECK(login("oocrpc://a:1", options) == "users log in by SCRAM-SHA-256, not by 'SCRAM-SHA-1'");
    options.mechanism.clear();
    CHECK(login("oocrpc://a:1", options) == "you:pw@ by SCRAM-SHA-256");
    CHECK(login("oocrpc+unix://me@/tmp/x", options) == "me:pw@ by SCRAM-SHA-256");
    CHECK(login("oocrpc://me@a:1") == "the user 'me' has no password");
    CHECK(login("oocrpc://me@a:1", with_password("")) == "the user 'me' has no password");
    CHECK(login("oocrpc://a:1") == "nobody");
    // A certificate is whose the URL says, where that says anything.
    client_options certified;
    certified.tls.certificate = "cy.pem";
    CHECK(login("oocrpc://a:1", certified, true) == "nobody");
    CHECK(login("oocrpc://me@a:1", certified, true) == "me:none@ by MONGODB-X509");
    auto both = certified;
    both.password = std::make_shared<const secret>("pw");
    CHECK(login("oocrpc://me@a:1", both, true) == "me:pw@ by SCRAM-SHA-256");
    CHECK(login("oocrpc://me@a:1", certified) == "the user 'me' has no password");
    certified.mechanism = "SCRAM-SHA-256";
    CHECK(login("oocrpc://me@a:1", certified, true) == "the user 'me' has no password");
}

TEST_CASE("keys are kept of logins that succeeded, for each mechanism by itself") {
    client_login l;
    l.user = "ann";
    l.password = std::make_shared<const secret>("pencil");
    for (const auto m : {scram::mechanism::sha_256, scram::mechanism::sha_1}) {
        CHECK(!l.keys(m));
        scram::server server(m,
                             [m](auto user) { return test::login_users().credentials(m, user); });
        auto client = l.begin(m);
        l.keep(m, client);
        const auto proof = client.next(server.next(client.first()).message);
        l.keep(m, client); // the server has not shown itself yet
        CHECK(!l.keys(m));
        CHECK(client.next(server.next(proof.message).message).ok());
        l.keep(m, client);
        CHECK(l.keys(m) == client.keys());
    }
    CHECK(l.keys(scram::mechanism::sha_256) != l.keys(scram::mechanism::sha_1));
}

} // TEST_SUITE("client_login")
