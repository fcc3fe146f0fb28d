#include "support/scram.hpp"
#include "support/test.hpp"

#include <functional>
#include <map>

using namespace oocrpc;
using namespace oocrpc::test;
using scram::failure;
using scram::mechanism;

namespace {

/// Changes one message of the four that make a login.
using change = std::function<std::string(const std::string&)>;

/// A login by a vector's words with a stranger on the line, who changes message `number`.
struct meddled {
    meddled(const scram_vector& v, int number, const change& by)
        : client(v.mechanism, v.user, secret(std::string_view(v.prepared)), keys(v),
                 v.client_nonce),
          server(
              v.mechanism, [&v](std::string_view name) { return known(v, name); }, v.server_nonce) {
        const auto sent = [&](int n, const std::string& m) { return n == number ? by(m) : m; };
        const auto challenge = server.next(sent(0, client.first()));
        if (!challenge.ok()) return;
        const auto proof = client.next(sent(1, challenge.message));
        if (!proof.ok()) return;
        const auto verdict = server.next(sent(2, proof.message));
        if (verdict.ok()) client.next(sent(3, verdict.message));
    }

    static scram::credentials known(const scram_vector& v, std::string_view name) {
        if (name == v.user) return credentials_of(v);
        return scram::decoy(v.mechanism, std::string(32, 'k'), name, v.iterations);
    }
    /// So that not each login hashes thousands of times.
    static std::shared_ptr<const scram::client_keys> keys(const scram_vector& v) {
        static std::map<const scram_vector*, std::shared_ptr<const scram::client_keys>> all;
        auto& found = all[&v];
        if (!found) {
            scram::client c(v.mechanism, v.user, secret(std::string_view(v.prepared)), {},
                            v.client_nonce);
            REQUIRE(c.next(v.server_first).ok());
            found = c.keys();
        }
        return found;
    }

    scram::client client;
    scram::server server;
};

/// Nobody has been fooled: a server before its last message, or else the client.
bool harmless(const scram_vector& v, int number, const change& by) {
    const meddled m(v, number, by);
    return !m.client.authenticated() && (number == 3 || !m.server.authenticated());
}

const std::string& words(const scram_vector& v, int number) {
    const std::string* all[]{&v.client_first, &v.server_first, &v.client_final, &v.server_final};
    return *all[number];
}

/// Every message of a vector of each mechanism.
void for_each_message(const std::function<void(const scram_vector&, int, const std::string&)>& f) {
    for (const auto* v : {&scram_vectors().front(), &scram_vectors().back()})
        for (int number = 0; number < 4; ++number) {
            CAPTURE(v->source);
            CAPTURE(number);
            f(*v, number, words(*v, number));
        }
}

failure server_says(const std::string& first, const std::string& final = "") {
    const auto& v = scram_vectors().back();
    scram::server s(
        v.mechanism, [&v](std::string_view) { return credentials_of(v); }, v.server_nonce);
    const auto answer = s.next(first);
    return answer.ok() && !final.empty() ? s.next(final).why : answer.why;
}

failure final_says(const std::string& final) {
    return server_says(scram_vectors().back().client_first, final);
}

failure client_says(const std::string& first, const std::string& final = "") {
    const auto& v = scram_vectors().back();
    scram::client c(v.mechanism, v.user, secret(), meddled::keys(v), v.client_nonce);
    const auto answer = c.next(first);
    return answer.ok() && !final.empty() ? c.next(final).why : answer.why;
}

failure verdict_says(const std::string& final) {
    return client_says(scram_vectors().back().server_first, final);
}

const std::string nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const std::string own_nonce = "rOprNGfwEbeRWgbNEkqO";
const std::string proof = ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const std::string signature = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

} // namespace

TEST_SUITE("scram") {

TEST_CASE("a login that nobody meddles with succeeds") {
    for_each_message([](const scram_vector& v, int number, const std::string&) {
        const meddled m(v, number, [](const std::string& message) { return message; });
        CHECK(m.client.authenticated());
        CHECK(m.server.authenticated());
    });
}

TEST_CASE("a message that is cut off at any length lets nobody in") {
    for_each_message([](const scram_vector& v, int number, const std::string& whole) {
        for (std::size_t n = 0; n < whole.size(); ++n) {
            CAPTURE(n);
            CHECK(harmless(v, number, [n](const std::string& m) { return m.substr(0, n); }));
        }
    });
}

TEST_CASE("a message with any bit flipped lets nobody in") {
    for_each_message([](const scram_vector& v, int number, const std::string& whole) {
        for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
            CAPTURE(bit);
            CHECK(harmless(v, number, [bit](std::string m) {
                m[bit / 8] = static_cast<char>(m[bit / 8] ^ 1 << bit % 8);
                return m;
            }));
        }
    });
}

TEST_CASE("a message with a byte taken out, put in or repeated anywhere lets nobody in") {
    for_each_message([](const scram_vector& v, int number, const std::string& whole) {
        for (std::size_t at = 0; at < whole.size(); ++at) {
            CAPTURE(at);
            CHECK(harmless(v, number, [at](std::string m) { return m.erase(at, 1); }));
            CHECK(harmless(v, number, [at](std::string m) { return m.insert(at, 1, m[at]); }));
            for (const char c : {'\0', ',', '=', 'A', '\x80'})
                CHECK(harmless(v, number, [&](std::string m) { return m.insert(at, 1, c); }));
        }
    });
}

TEST_CASE("a message in place of another lets nobody in") {
    for_each_message([](const scram_vector& v, int number, const std::string&) {
        for (int other = 0; other < 4; ++other)
            if (other != number)
                CHECK(harmless(v, number, [&](const std::string&) { return words(v, other); }));
        CHECK(harmless(v, number, [](const std::string& m) { return m + ',' + m; }));
        CHECK(harmless(v, number, [](const std::string&) { return std::string(5000, 'x'); }));
    });
}

TEST_CASE("a server takes the header of GS2 without channel binding, for oneself") {
    CHECK(server_says("n,,n=user,r=x") == failure::none);
    CHECK(server_says("y,,n=user,r=x") == failure::none); // would bind if we could
    CHECK(server_says("n,a=user,n=user,r=x") == failure::none);
    CHECK(server_says("n,a=a=2Cb,n=a=2Cb,r=x") == failure::none);
    CHECK(server_says("n,a=root,n=user,r=x") == failure::authorization);
    CHECK(server_says("p=tls-server-end-point,,n=user,r=x") == failure::channel_binding);
    CHECK(server_says("p=tls-exporter,,n=user,r=x") == failure::channel_binding);
    for (const auto* first :
         {"", ",", ",,", "n", "n,", "n,,", "nn,,n=user,r=x", "x,,n=user,r=x", "n=user,r=x",
          ",,n=user,r=x", "N,,n=user,r=x", "n,a=,n=user,r=x", "n,a,n=user,r=x", "n,b=u,n=user,r=x",
          "n,a==2c,n=user,r=x", "n,user,n=user,r=x", "n,,,n=user,r=x"})
        CHECK_MESSAGE(server_says(first) == failure::malformed, first);
}

TEST_CASE("a server refuses a first message that is not a name and a nonce") {
    using namespace std::string_literals;
    for (const auto& first : {"n,,n=user"s,
                              "n,,n=user,"s,
                              "n,,n=user,r="s,
                              "n,,n=,r=x"s,
                              "n,,r=x"s,
                              "n,,r=x,n=user"s,
                              "n,,n=user,n=user,r=x"s,
                              "n,,n=user,r=x,r=y"s,
                              "n,,n=user,r=x,"s,
                              "n,,n=user,r=x,,"s,
                              "n,,n=user,r=x,k"s,
                              "n,,n=user,r=x,k="s,
                              "n,,n=user,r=x,1=2"s,
                              "n,,n=user,r=x,=a"s,
                              "n,,n=user,r=x,n=a"s,
                              "n,,n=user,r=x,a=a"s,
                              "n,,n=user,r=x,[=a"s,
                              "n,,n=user,r=x,{=a"s,
                              "n,,n=us=er,r=x"s,
                              "n,,n=us=2,r=x"s,
                              "n,,n=us=2c,r=x"s,
                              "n,,n=us=3d,r=x"s,
                              "n,,n=us=00,r=x"s,
                              "n,,n=user,r=a b"s,
                              "n,,n=user,r=\x7f"s,
                              "n,,n=user,r=\u00e9"s,
                              "n,,n=us\0er,r=x"s,
                              "n,,n=user,r=x\0"s,
                              "n,,n=\xff,r=x"s,
                              "n,,n=\xc0\x80,r=x"s,
                              "n,,N=user,r=x"s,
                              "n,,n:user,r=x"s})
        CHECK_MESSAGE(server_says(first) == failure::malformed, first);
    CHECK(server_says("n,,m=x,n=user,r=x") == failure::extension);
    CHECK(server_says("n,,n=user,r=x,m=x") == failure::extension);
    CHECK(server_says("n,,n=user,r=x,k=any=thing,Z=z") == failure::none); // optional: ignored
}

TEST_CASE("messages have a length, up to which they are taken") {
    const std::string name(scram::max_message - 9, 'u'); // beside "n,,n=" and ",r=x"
    CHECK(server_says("n,,n=" + name + ",r=x") == failure::none);
    CHECK(server_says("n,,n=" + name + "u,r=x") == failure::malformed);
    const std::string rest = "r=" + nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,x=";
    const std::string text(scram::max_message - rest.size(), 'x');
    CHECK(client_says(rest + text) == failure::none);
    CHECK(client_says(rest + text + "x") == failure::malformed);
}

TEST_CASE("a server refuses a final message that is not header, nonce and proof") {
    using namespace std::string_literals;
    const auto c = "c=biws,r=" + nonce;
    REQUIRE(final_says(c + proof) == failure::none);
    for (const auto& final : {"c=biws"s,
                              c,
                              "r="s + nonce + proof,
                              "c=biws"s + proof,
                              "c=,r=" + nonce + proof,
                              "c=biws,r=" + proof,
                              "r=" + nonce + ",c=biws" + proof,
                              c + ",p=",
                              c + ",p=AAA",
                              c + ",p=dHzb",
                              c + proof + ",x=y",
                              c + proof + proof,
                              c + ",p=AAAA" + proof,
                              c + ",c=biws" + proof,
                              c + "," + proof,
                              c + proof + "=",
                              c + proof + "\n",
                              "c=biw,r=" + nonce + proof,
                              "c=b*ws,r=" + nonce + proof,
                              "c=biws,r=a b" + proof,
                              c + "\0"s + proof,
                              c + "\xff" + proof})
        CHECK_MESSAGE(final_says(final) == failure::malformed, final);
    CHECK(final_says("c=eSws,r=" + nonce + proof) == failure::channel_binding); // "y,,"
    CHECK(final_says("c=biw=,r=" + nonce + proof) == failure::channel_binding); // "n,"
    CHECK(final_says("c=biws,r=" + own_nonce + proof) == failure::nonce);
    CHECK(final_says("c=biws,r=x" + nonce + proof) == failure::nonce);
    CHECK(final_says(c + ",m=x" + proof) == failure::extension);
    CHECK(final_says(c + ",x=y" + proof) == failure::proof); // it is part of what is proven
    CHECK(final_says(c + ",p=" + std::string(43, 'A') + "=") == failure::proof);
}

TEST_CASE("a client refuses a challenge that is not nonce, salt and iterations") {
    using namespace std::string_literals;
    const auto r = "r=" + nonce, s = ",s=W22ZaJ0SNY7soEsUEjb6gQ=="s;
    REQUIRE(client_says(r + s + ",i=4096") == failure::none);
    for (const auto& first : {r,
                              r + s,
                              r + ",i=4096",
                              s.substr(1) + ",i=4096",
                              r + ",i=4096" + s,
                              r + s + ",i=",
                              r + ",s=,i=4096",
                              r + ",s=AAA,i=4096",
                              r + ",s=AB==,i=4096",
                              r + ",s=A A=,i=4096",
                              r + s + ",i=04096",
                              r + s + ",i=0",
                              r + s + ",i=-4096",
                              r + s + ",i=+4096",
                              r + s + ",i=4096x",
                              r + s + ",i= 4096",
                              r + s + ",i=1e4",
                              r + s + ",i=4096,",
                              r + s + ",i=4096,i=4096",
                              r + "," + r + s + ",i=4096",
                              "r=,s=AAAA,i=4096"s,
                              "r= " + nonce + s + ",i=4096",
                              "e=other-error"s,
                              r + s + ",i=4096\0"s})
        CHECK_MESSAGE(client_says(first) == failure::malformed, first);
    CHECK(client_says("m=x," + r + s + ",i=4096") == failure::extension);
    CHECK(client_says(r + s + ",i=4096,m=x") == failure::extension);
    CHECK(client_says(r + s + ",i=4096,x=y") == failure::none);
    CHECK(client_says("r=" + own_nonce + s + ",i=4096") == failure::nonce);
    CHECK(client_says("r=x" + nonce + s + ",i=4096") == failure::nonce);
    CHECK(client_says("r=rOprNGfw" + s + ",i=4096") == failure::nonce);
}

TEST_CASE("a client hashes neither too few times nor too many") {
    const auto with = [](const std::string& n) {
        return client_says("r=" + nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=" + n);
    };
    for (const auto* n : {"1", "4095", "1000001", "2147483648", "4294967295", "4294967296",
                          "18446744073709551617", "99999999999999999999999999999"})
        CHECK_MESSAGE(with(n) == failure::iterations, n);
    for (const auto* n : {"4096", "4097", "1000000"}) CHECK_MESSAGE(with(n) == failure::none, n);
}

TEST_CASE("a client believes only a server that proves that it knows the password") {
    using namespace std::string_literals;
    REQUIRE(verdict_says(signature) == failure::none);
    CHECK(verdict_says(signature + ",x=y") == failure::none);
    for (const auto& final :
         {"v="s, "v"s, "v=AAA"s, "v=A"s, "e="s, signature + ",", signature + "," + signature,
          signature + "\n", "x=y," + signature, signature + "\0"s, "\xff"s})
        CHECK_MESSAGE(verdict_says(final) == failure::malformed, final);
    CHECK(verdict_says(signature + ",m=x") == failure::extension);
    CHECK(verdict_says("v=AAAA") == failure::signature);
    CHECK(verdict_says("v=" + std::string(43, 'A') + "=") == failure::signature);
    CHECK(verdict_says("e=invalid-proof") == failure::refused);
    CHECK(verdict_says("e=other-error,x=y") == failure::refused);
}

} // TEST_SUITE("scram")
