#include "support/scram.hpp"
#include "support/test.hpp"

#include <algorithm>
#include <set>

#include <oocrpc/error.hpp>

#include "../lib/saslprep.hpp"
#include "../lib/scram_crypto.hpp"

using namespace oocrpc;
using namespace oocrpc::test;
using scram::mechanism;

namespace {

constexpr auto both = {mechanism::sha_1, mechanism::sha_256};

std::string hex(std::string_view data) {
    std::string text;
    for (const char c : data) {
        constexpr auto digits = "0123456789abcdef";
        text += digits[static_cast<unsigned char>(c) >> 4];
        text += digits[c & 15];
    }
    return text;
}

std::string prepared(std::string_view password) {
    const auto text = scram::saslprep(password);
    return text ? std::string(text->view()) : "refused";
}

std::string refusal(mechanism m, std::string_view password) {
    try {
        scram::prepare(m, "ada", password);
    } catch (const rpc_error& e) {
        CHECK(e.code() == errc::invalid_argument);
        return e.detail();
    }
    return "";
}

} // namespace

TEST_SUITE("scram") {

TEST_CASE("credentials made of a password are those of the specifications") {
    for (const auto& v : scram_vectors()) {
        CAPTURE(v.source);
        const auto wanted = credentials_of(v);
        const secret password{std::string_view(v.prepared)};
        CHECK(scram::make_credentials(v.mechanism, password, v.iterations, wanted.salt) == wanted);
        const auto salted = [&](const secret& of) {
            return scram::salted(v.mechanism, of, wanted.salt, v.iterations);
        };
        CHECK(matches(wanted, salted(password)));
        CHECK_FALSE(matches(wanted, salted(secret(std::string_view("pencils")))));
    }
}

TEST_CASE("a password is salted in steps of any size as it is at once") {
    const secret password{std::string_view("pencil")};
    for (const auto m : {mechanism::sha_1, mechanism::sha_256})
        for (const std::uint32_t step : {1U, 7U, 99U, 100U, 101U, UINT32_MAX}) {
            CAPTURE(step);
            scram::salting s(m, password, "salt", 100);
            int steps = 1;
            for (; !s.go_on(step); ++steps) REQUIRE(steps < 100);
            const auto most = static_cast<int>(std::min(step, 99U)); // the first is done at once
            CHECK(steps == (99 + most - 1) / most);
            CHECK(s.go_on(1)); // and stays done
            CHECK(s.take().view() == scram::salted(m, password, "salt", 100).view());
        }
    CHECK_THROWS(scram::salted(mechanism::sha_256, password, "salt", 0));
    // RFC 7914, section 11, has them for SHA-256, of which a key is the first half.
    const auto known =
        scram::salted(mechanism::sha_256, secret(std::string_view("passwd")), "salt", 1);
    CHECK(scram::to_base64(known.view()) == "VawEblbjCJ/sFpHCJUS2BflBhSFt3gRl5oudV8INrLw=");
}

TEST_CASE("a password is prepared as each mechanism wants it") {
    CHECK(scram::prepare(mechanism::sha_1, "user", "pencil").view() ==
          "1c33006ec1ffd90f9cadcbcc0e118200");
    CHECK(scram::prepare(mechanism::sha_256, "user", "pencil").view() == "pencil");
    CHECK(scram::prepare(mechanism::sha_256, "user", "I\u00adX").view() == "IX");
    for (const auto m : both) {
        CHECK(refusal(m, "") == "the password is empty");
        CHECK(refusal(m, std::string(1024, 'x')).empty());
        CHECK(refusal(m, std::string(1025, 'x')) == "the password is longer than 1024 bytes");
    }
    const auto strange = refusal(mechanism::sha_256, "pen\x07"
                                                     "cil");
    CHECK(strange.find("SASLprep") != strange.npos);
    CHECK(strange.find("cil") == strange.npos);
    CHECK(refusal(mechanism::sha_256, "\u00ad") == strange); // nothing is left of it
    CHECK(refusal(mechanism::sha_1, "pen\x07").empty());     // for MongoDB's digest all is bytes
}

TEST_CASE("SASLprep does what the examples of RFC 4013 say") {
    CHECK(prepared("I\u00adX") == "IX");
    CHECK(prepared("user") == "user");
    CHECK(prepared("USER") == "USER");
    CHECK(prepared("\u00aa") == "a");
    CHECK(prepared("\u2168") == "IX");
    CHECK(prepared("\x07") == "refused");
    CHECK(prepared("\u0627"
                   "1") == "refused");
}

TEST_CASE("SASLprep maps, composes and refuses characters of one to four bytes") {
    CHECK(prepared("") == "");
    CHECK(prepared(" ~") == " ~");
    CHECK(prepared("a\u00a0b") == "a b");
    CHECK(prepared("\u00e9") == "\u00e9");
    CHECK(prepared("e\u0301") == "\u00e9");
    CHECK(prepared("\u6771\u4eac") == "\u6771\u4eac");
    CHECK(prepared("\U00010400") == "\U00010400");
    CHECK(prepared("\U0001d400") == "A");
    CHECK(prepared("\u0627a\u0627") == "refused"); // both directions
    CHECK(prepared("\u0627\u0628") == "\u0627\u0628");
    CHECK(prepared("\x7f") == "refused");
    for (const auto nul : {std::string_view("\0", 1), std::string_view("a\0b", 3),
                           std::string_view("\u00e9\0", 3)}) // not the end of anything
        CHECK(prepared(nul) == "refused");
    CHECK(prepared("\u0221") == "refused");     // Unicode 3.2 does not have it
    CHECK(prepared("\U0001f600") == "refused"); // nor this
    CHECK(prepared("\ue000") == "refused");     // private use
    CHECK(prepared("\xff") == "refused");
    CHECK(prepared("\xc3") == "refused");
    CHECK(prepared("\xed\xa0\x80") == "refused"); // a surrogate
}

TEST_CASE("the longest password is prepared where each character becomes eighteen") {
    std::string password, wanted;
    while (password.size() + 3 <= scram::max_password) password += "\ufdfa";
    const auto text = prepared(password);
    CHECK(text.size() == password.size() / 3 * 33); // 15 letters of two bytes, 3 blanks
}

TEST_CASE("hashes are those of RFC 6234, RFC 4231, RFC 2202 and RFC 6070") {
    CHECK(hex(scram::hash(mechanism::sha_1, "abc").view()) ==
          "a9993e364706816aba3e25717850c26c9cd0d89d");
    CHECK(hex(scram::hash(mechanism::sha_256, "abc").view()) ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const auto* two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    CHECK(hex(scram::hash(mechanism::sha_1, two_blocks).view()) ==
          "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    CHECK(hex(scram::hash(mechanism::sha_256, two_blocks).view()) ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    const std::string key(20, '\x0b');
    CHECK(hex(scram::hmac(mechanism::sha_1, key, "Hi There").view()) ==
          "b617318655057264e28bc0b6fb378c8ef146be00");
    CHECK(hex(scram::hmac(mechanism::sha_256, key, "Hi There").view()) ==
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    CHECK(hex(scram::salted(mechanism::sha_1, secret(std::string_view("password")), "salt", 4096)
                  .view()) == "4b007901b765489abead49d926f721d065a429c1");
    CHECK(hex(scram::md5("abc").view()) == "900150983cd24fb0d6963f7d28e17f72");
}

TEST_CASE("bytes are compared whole, and only those of one size are equal") {
    CHECK(scram::equal("", ""));
    CHECK(scram::equal("ab", "ab"));
    CHECK_FALSE(scram::equal("ab", "ac"));
    CHECK_FALSE(scram::equal("ab", "cb"));
    CHECK_FALSE(scram::equal("ab", "abc"));
}

TEST_CASE("nonces and salts are new each time, and printable where they have to be") {
    std::set<std::string> nonces, salts;
    for (int i = 0; i < 100; ++i) {
        const auto nonce = scram::make_nonce();
        CHECK(nonce.size() == 32);
        CHECK(nonce.find(',') == nonce.npos);
        nonces.insert(nonce);
        salts.insert(scram::make_salt(mechanism::sha_256));
    }
    CHECK(nonces.size() == 100);
    CHECK(salts.size() == 100);
    CHECK(scram::make_salt(mechanism::sha_1).size() == 16);
    CHECK(scram::make_salt(mechanism::sha_256).size() == 28);
}

TEST_CASE("mechanisms have their registered names") {
    for (const auto m : both) CHECK(scram::mechanism_from_string(to_string(m)) == m);
    CHECK(to_string(mechanism::sha_1) == "SCRAM-SHA-1");
    CHECK(to_string(mechanism::sha_256) == "SCRAM-SHA-256");
    for (const auto* name : {"", "SCRAM-SHA-512", "scram-sha-256", "SCRAM-SHA-256-PLUS", "PLAIN"})
        CHECK_FALSE(scram::mechanism_from_string(name));
}

TEST_CASE("credentials are written as one text and read back") {
    for (const auto& v : scram_vectors()) {
        const auto c = credentials_of(v);
        CHECK(scram::credentials::parse(c.to_string()) == c);
    }
    CHECK(credentials_of(scram_vectors().back()).to_string() ==
          "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
          "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
          "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
}

TEST_CASE("texts that are no credentials are refused") {
    const auto good = credentials_of(scram_vectors().front()).to_string();
    for (std::size_t n = 0; n < good.size(); ++n)
        CHECK_FALSE(scram::credentials::parse(good.substr(0, n)));
    CHECK_FALSE(scram::credentials::parse(good + ":"));
    CHECK_FALSE(scram::credentials::parse(good + "A"));
    const auto with = [](std::string iterations, std::string salt, std::string stored,
                         std::string server) {
        return scram::credentials::parse("SCRAM-SHA-1$" + iterations + ":" + salt + "$" + stored +
                                         ":" + server);
    };
    const std::string key(27, 'A'), pad = "=", salt = "AAAA";
    CHECK(with("4096", salt, key + pad, key + pad));
    CHECK(with("1000000", salt, key + pad, key + pad));
    for (const auto* n : {"", "0", "4095", "1000001", "99999999999", "-4096", "+4096", "4096 ",
                          " 4096", "x", "0x2000"})
        CHECK_FALSE(with(n, salt, key + pad, key + pad));
    CHECK_FALSE(with("4096", "", key + pad, key + pad));
    CHECK_FALSE(with("4096", "AAA", key + pad, key + pad));
    CHECK(with("4096", std::string(1364, 'A'), key + pad, key + pad)); // 1023 bytes
    CHECK_FALSE(with("4096", std::string(1368, 'A'), key + pad, key + pad));
    CHECK_FALSE(with("4096", salt, key + "A", key + pad)); // 21 bytes
    CHECK_FALSE(with("4096", salt, key + pad, key + "A"));
    CHECK_FALSE(with("4096", salt, key, key + pad));
    CHECK_FALSE(with("4096", salt, key + pad, key + "*"));
    CHECK_FALSE(scram::credentials::parse("SCRAM-SHA-512$4096:AAAA$AAAA:AAAA"));
}

TEST_CASE("keys are derived by as many iterations as MongoDB takes, unless told otherwise") {
    CHECK(scram::default_iterations(scram::mechanism::sha_1) == 10'000);
    CHECK(scram::default_iterations(scram::mechanism::sha_256) == 15'000);
}

} // TEST_SUITE("scram")
