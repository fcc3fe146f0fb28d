// Lines: what is fed, then the messages of the other end. `s0` is a server of the first vector's
// words, `c0` a client, `k` reads credentials, `p` prepares a password.

#include "support/scram.hpp"
#include "fuzz.hpp"

#include <array>

#include <oocrpc/bson.hpp>

#include "../../lib/saslprep.hpp"

namespace fuzz {
namespace {

namespace scram = oocrpc::scram;
using oocrpc::test::scram_vector;

std::string_view line(std::string_view& text) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto one = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return one;
}

std::shared_ptr<const scram::client_keys> keys_of(const scram_vector& v) {
    scram::client c(v.mechanism, v.user, oocrpc::secret(std::string_view(v.prepared)), {},
                    v.client_nonce);
    require(c.next(v.server_first).ok(), "a vector is right");
    return c.keys();
}

/// Only one proof is known here, and only for these words.
void serve(const scram_vector& v, std::string_view messages) {
    scram::server s(
        v.mechanism,
        [&](std::string_view name) {
            return name == v.user ? credentials_of(v)
                                  : scram::decoy(v.mechanism, "secret", name, v.iterations);
        },
        v.server_nonce);
    const auto first = line(messages), final = line(messages);
    const auto challenge = s.next(first);
    require(challenge.ok() != challenge.message.empty(), "an answer or a failure");
    require(!s.authenticated(), "nobody is let in by a first message");
    const auto verdict = s.next(final);
    require(verdict.ok() == s.authenticated(), "who is let in is told so");
    if (s.authenticated())
        require(first == v.client_first && final == v.client_final, "the proof is of these words");
    s.next(messages);
    require(!s.authenticated(), "nothing comes after the last message");
}

void log_in(const scram_vector& v, const std::shared_ptr<const scram::client_keys>& keys,
            std::string_view messages) {
    scram::client c(v.mechanism, v.user, {}, keys, v.client_nonce);
    const auto first = line(messages), final = line(messages);
    // Other salts and iterations have to be derived, of which many take long and tell nothing.
    const auto derived = first.substr(std::min(first.rfind(",i="), first.size()));
    if (derived.size() > 7 && !derived.starts_with(",i=" + std::to_string(v.iterations))) return;
    const auto proof = c.next(first);
    require(proof.ok() != proof.message.empty(), "an answer or a failure");
    require(!c.authenticated(), "a server is not believed by its first message");
    c.next(final);
    if (c.authenticated())
        require(first == v.server_first && final.starts_with(v.server_final),
                "the signature is of these words");
}

void prepare(std::string_view password) {
    if (password.size() > scram::max_password) return;
    const auto once = scram::saslprep(password);
    if (!once) return;
    require(oocrpc::bson::is_utf8(once->view()), "what is prepared is UTF-8");
    require(once->view().find('\0') == std::string_view::npos, "it has no NUL");
}

} // namespace

void scram(oocrpc::bytes data) {
    auto text = text_of(data);
    const auto what = line(text);
    if (what == "k") {
        if (const auto c = scram::credentials::parse(text))
            require(scram::credentials::parse(c->to_string()) == c, "credentials are read back");
        return;
    }
    if (what == "p") return prepare(text);
    if (what.size() != 2 || what[1] < '0' || what[1] > '2') return;
    const auto& v = oocrpc::test::scram_vectors()[static_cast<std::size_t>(what[1] - '0')];
    static const std::array keys{keys_of(oocrpc::test::scram_vectors()[0]),
                                 keys_of(oocrpc::test::scram_vectors()[1]),
                                 keys_of(oocrpc::test::scram_vectors()[2])};
    if (what[0] == 's') serve(v, text);
    if (what[0] == 'c') log_in(v, keys[static_cast<std::size_t>(what[1] - '0')], text);
}

} // namespace fuzz
