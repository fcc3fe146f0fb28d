#include "support/test.hpp"

#include <type_traits>

#include <oocrpc/secret.hpp>

using oocrpc::secret;

TEST_SUITE("secret") {

TEST_CASE("a secret moves and does not copy, and what it moved from is empty") {
    static_assert(!std::is_copy_constructible_v<secret> && !std::is_copy_assignable_v<secret>);
    secret a{std::string_view("pencil")};
    secret b = std::move(a);
    CHECK(b.view() == "pencil");
    CHECK(a.empty()); // NOLINT: it says so
    a = secret(std::size_t{3});
    CHECK(a.view() == std::string_view("\0\0\0", 3));
    a = std::move(b);
    CHECK(a.view() == "pencil");
    CHECK(b.empty());
    CHECK(secret().view().empty());
}

TEST_CASE("all that a text has held is overwritten") {
    std::string text = "a password that is longer than a short string";
    const auto size = text.size();
    const auto* where = text.data();
    text.resize(3);
    oocrpc::cleanse(text);
    CHECK(text.empty());
    REQUIRE(text.data() == where); // so these bytes are still ours to look at
    CHECK(std::string(where, size).find_first_not_of('\0') == std::string::npos);
    std::string nothing;
    oocrpc::cleanse(nothing);
    CHECK(nothing.empty());
}

} // TEST_SUITE("secret")
