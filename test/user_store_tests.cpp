#include "support/test.hpp"

#include <stdexcept>

#include <oocrpc/user_store.hpp>

using namespace oocrpc;
using scram::mechanism;

namespace {

user_store with_roles() {
    user_store store(std::string(32, 'k'));
    store.define("reader", {"poetry.get_poem", "demo.*"});
    store.define("admin", {"*"});
    store.define("nothing", {});
    return store;
}

scram::credentials some(mechanism m, std::uint32_t iterations = 4096) {
    auto c = scram::decoy(m, "some", "one", iterations);
    c.stored_key[0] = 'x';
    return c;
}

template <class F> std::string refusal(F f) {
    try {
        f();
    } catch (const std::invalid_argument& e) {
        return e.what();
    }
    return "";
}

} // namespace

TEST_SUITE("user_store") {

TEST_CASE("a role allows methods by name, by service, or all of them") {
    auto store = with_roles();
    store.add({"ada", {"reader"}});
    store.add({"bob", {"nothing"}});
    store.add({"cyd", {}});
    store.add({"dot", {"nothing", "reader", "admin"}});
    CHECK(store.allows("ada", "poetry.get_poem"));
    for (const auto* other : {"poetry.get_poems", "poetry.get", "poetry", "get_poem", "", "*",
                              "Poetry.get_poem", "demo", "demon.add", "oocrpc.list", "poetry.*"})
        CHECK_MESSAGE(!store.allows("ada", other), other);
    for (const auto* own : {"demo.add", "demo.stats", "demo.a.b"})
        CHECK_MESSAGE(store.allows("ada", own), own);
    // Whole commands are more than a service's methods.
    for (const auto* commands : {"demo.$cmd", "demo.a.$cmd"})
        CHECK_MESSAGE(!store.allows("ada", commands), commands);
    CHECK(store.allows("ada", "demo.cmd"));
    store.define("commands", {"demo.$cmd"});
    store.add({"eli", {"commands"}});
    CHECK(store.allows("eli", "demo.$cmd"));
    CHECK_FALSE(store.allows("eli", "demo.add"));
    for (const auto* any : {"demo.add", "add", "x.y", "admin.$cmd"}) {
        CHECK(store.allows("dot", any));
        CHECK_FALSE(store.allows("bob", any));
        CHECK_FALSE(store.allows("cyd", any));
        CHECK_FALSE(store.allows("nobody", any));
    }
}

TEST_CASE("a role that is defined anew counts at once") {
    auto store = with_roles();
    store.add({"ada", {"reader"}});
    store.define("reader", {"other.*"});
    CHECK_FALSE(store.allows("ada", "demo.add"));
    CHECK(store.allows("ada", "other.thing"));
}

TEST_CASE("users are found, replaced and removed by name") {
    auto store = with_roles();
    CHECK(store.find("ada") == nullptr);
    store.add({"ada", {"reader"}, {some(mechanism::sha_1)}});
    REQUIRE(store.find("ada"));
    CHECK(store.find("ada")->roles == std::vector<std::string>{"reader"});
    CHECK(store.find("Ada") == nullptr);
    store.add({"ada", {"admin"}});
    CHECK(store.users().size() == 1);
    CHECK(store.allows("ada", "x"));
    CHECK(store.find("ada")->credentials.empty());
    CHECK(store.remove("ada"));
    CHECK_FALSE(store.remove("ada"));
    CHECK(store.find("ada") == nullptr);
    CHECK(store.roles().size() == 3);
    CHECK(store.secret() == std::string(32, 'k'));
}

TEST_CASE("what is no name, pattern, role or secret is refused with the reason") {
    auto store = with_roles();
    CHECK(refusal([] { user_store(std::string(31, 'k')); }) ==
          "the secret is shorter than 32 bytes");
    CHECK(refusal([&] { store.add({""}); }) == "a user has no name");
    CHECK(refusal([&] { store.add({std::string(1024, 'x')}); }).empty());
    CHECK(refusal([&] { store.add({std::string(1025, 'x')}); }) ==
          "the name of a user is longer than 1024 bytes");
    CHECK(refusal([&] { store.add({"\xff"}); }) == "the name of a user is not UTF-8");
    for (const auto& name : {std::string("a\nb"), std::string("a\0b", 3), std::string("\x7f")})
        CHECK(refusal([&] { store.add({name}); }) == "the name of a user has control characters");
    CHECK(refusal([&] { store.add({"\u00e9, x=y"}); }).empty());
    CHECK(refusal([&] { store.add({"ada", {"raeder"}}); }) == "the role 'raeder' is not defined");
    const auto c = some(mechanism::sha_1);
    CHECK(refusal([&] { store.add({"ada", {}, {c, c}}); }) == "two credentials for SCRAM-SHA-1");
    CHECK(store.find("ada") == nullptr);
    CHECK(refusal([&] { store.define("", {}); }) == "a role has no name");
    CHECK(refusal([&] { store.define("r", {"demo.**"}); }) ==
          "'demo.**' is no pattern of methods, such as 'demo.add', 'demo.*', '*'");
    for (const auto* p : {"", "**", "*.add", "*.*", ".*", "de*", "demo.a*", "demo.*.x", "a\tb"})
        CHECK_MESSAGE(!refusal([&] { store.define("r", {p}); }).empty(), p);
    CHECK_FALSE(store.roles().contains("r"));
    for (const auto* p : {"*", "demo.*", "demo.add", "add", "a.b.*", "admin.$cmd"})
        CHECK_MESSAGE(refusal([&] { store.define("r", {p}); }).empty(), p);
}

TEST_CASE("a user that is not known has credentials, too, like those of most others") {
    auto store = with_roles();
    for (const auto m : {mechanism::sha_1, mechanism::sha_256})
        CHECK(store.credentials(m, "eve").iterations == scram::default_iterations(m));
    store.add({"ada", {}, {some(mechanism::sha_1, 5000), some(mechanism::sha_256, 6000)}});
    store.add({"bob", {}, {some(mechanism::sha_256, 7000)}});
    store.add({"cyd", {}, {some(mechanism::sha_256, 7000)}});
    CHECK(store.credentials(mechanism::sha_1, "ada") == some(mechanism::sha_1, 5000));
    CHECK(store.credentials(mechanism::sha_256, "ada") == some(mechanism::sha_256, 6000));
    const auto made_up = store.credentials(mechanism::sha_256, "eve");
    CHECK(made_up == scram::decoy(mechanism::sha_256, store.secret(), "eve", 7000));
    // Bob cannot log in by SHA-1, and is not to be told from Eve.
    CHECK(store.credentials(mechanism::sha_1, "bob") ==
          scram::decoy(mechanism::sha_1, store.secret(), "bob", 5000));
    store.remove("cyd");
    store.remove("bob");
    CHECK(store.credentials(mechanism::sha_256, "eve").iterations == 6000);
    store.remove("ada");
    CHECK(store.credentials(mechanism::sha_256, "eve").iterations == 15000);
}

TEST_CASE("a user's mechanisms are those of the credentials, an unknown one's those of most") {
    using all = std::vector<mechanism>;
    auto store = with_roles();
    CHECK(store.mechanisms("eve") == all{mechanism::sha_1, mechanism::sha_256});
    store.add({"ada", {}, {some(mechanism::sha_256)}});
    CHECK(store.mechanisms("ada") == all{mechanism::sha_256});
    CHECK(store.mechanisms("eve") == all{mechanism::sha_256});
    store.add({"bob", {}, {some(mechanism::sha_1), some(mechanism::sha_256)}});
    CHECK(store.mechanisms("bob") == all{mechanism::sha_1, mechanism::sha_256});
    CHECK(store.mechanisms("eve") == all{mechanism::sha_1, mechanism::sha_256});
    store.add({"CN=cyd"});
    CHECK(store.mechanisms("eve") == all{mechanism::sha_256});
    // Who comes with a certificate is not to be told from eve.
    CHECK(store.mechanisms("CN=cyd") == all{mechanism::sha_256});
}

} // TEST_SUITE("user_store")
