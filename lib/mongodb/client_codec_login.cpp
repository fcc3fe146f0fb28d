#include "client_codec_login.hpp"

#include <algorithm>

#include "reply_reading.hpp"
#include "values.hpp"

namespace oocrpc::mongodb {
namespace {

using bson::type;

constexpr std::string_view x509 = "MONGODB-X509", plain = "PLAIN";

bytes bytes_of(std::string_view text) noexcept {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::optional<std::string_view> payload_of(bytes step) noexcept {
    const auto found = bson::find(step, "payload");
    if (!found || found->t != type::binary) return std::nullopt;
    const auto data = found->as_binary().data;
    return std::string_view(reinterpret_cast<const char*>(data.data()), data.size());
}

bool says_done(bytes step) noexcept {
    const auto found = bson::find(step, "done");
    return found && lenient_true(*found);
}

bool lists(bson::value_view array, std::string_view name) noexcept {
    return std::ranges::any_of(bson::elements(array.as_document()), [&](const bson::element& e) {
        return e.value.t == type::string && e.value.as_string() == name;
    });
}

} // namespace

login_conversation::login_conversation(std::shared_ptr<client_login> as, bool encrypted)
    : as_(std::move(as)),
      encrypted_(encrypted),
      mechanism_(as_->mechanism) {}

void login_conversation::begin(scram::mechanism m) {
    mechanism_ = to_string(m);
    hash_ = m;
    scram_.emplace(as_->begin(m));
    payload_ = scram_->first();
}

void login_conversation::add_to_hello(bson::document_writer& hello) {
    if (mechanism_ == plain) return; // the password is not sent before it has to be
    auto m = scram::mechanism_from_string(mechanism_);
    if (as_->mechanism.empty()) {
        hello.add("saslSupportedMechs", as_->source + '.' + as_->user);
        m = scram::mechanism::sha_256;
    }
    try {
        if (m) begin(*m);
    } catch (const rpc_error&) {
        return; // SHA-1 may take the password all the same; else it is refused after hello
    }
    started_ = true;
    bson::document_writer step(hello, "speculativeAuthenticate");
    m ? write_first(step) : write_x509(step);
    step.add("db", as_->source);
    step.finish();
}

void login_conversation::on_hello(bytes reply) {
    const auto step = bson::find(reply, "speculativeAuthenticate");
    if (started_ && step && step->t == type::document) return on_step(step->as_document());
    state_ = state::start;
    try {
        choose(reply);
    } catch (const rpc_error& e) {
        fail(e.detail());
    }
}

void login_conversation::choose(bytes hello) {
    if (mechanism_ == x509) return;
    if (mechanism_ == plain)
        return encrypted_ ? void()
                          : fail("the connection is not encrypted, and the password would "
                                 "be sent as it is");
    auto m = scram::mechanism_from_string(as_->mechanism);
    if (!m) {
        const auto known = bson::find(hello, "saslSupportedMechs");
        const bool newer = known && known->t == type::array && lists(*known, "SCRAM-SHA-256");
        m = newer ? scram::mechanism::sha_256 : scram::mechanism::sha_1;
    }
    begin(*m);
}

void login_conversation::write(bson::document_writer& command) {
    if (state_ == state::start) {
        write_start(command);
    } else {
        command.add("saslContinue", std::int32_t{1});
        command.add("conversationId", bson::value_view(conversation_));
        command.add("payload", bytes_of(payload_));
    }
    cleanse(payload_);
    command.add("$db", as_->source);
}

void login_conversation::write_start(bson::document_writer& command) {
    if (mechanism_ == x509) return write_x509(command);
    if (scram_) return write_first(command);
    payload_ = '\0' + as_->user + '\0';
    payload_ += as_->password->view();
    command.add("saslStart", std::int32_t{1});
    command.add("mechanism", mechanism_);
    command.add("payload", bytes_of(payload_));
    command.add("autoAuthorize", std::int32_t{1});
}

void login_conversation::write_first(bson::document_writer& command) {
    command.add("saslStart", std::int32_t{1});
    command.add("mechanism", mechanism_);
    command.add("payload", bytes_of(payload_));
    command.add("autoAuthorize", std::int32_t{1});
    bson::document_writer options(command, "options");
    options.add("skipEmptyExchange", true);
    options.finish();
}

void login_conversation::write_x509(bson::document_writer& command) const {
    command.add("authenticate", std::int32_t{1});
    command.add("mechanism", mechanism_);
    if (!as_->user.empty()) command.add("user", as_->user);
}

void login_conversation::on_reply(bytes reply) {
    const auto f = read_reply(reply);
    if (f.ok) return on_step(reply);
    const auto e = read_failure(f);
    const auto busy = e.code == static_cast<int>(errc::overloaded);
    fail("the server says " + e.message + ": " + e.detail,
         busy ? errc::overloaded : errc::unauthenticated);
}

/// An answer that is no error; with hello's, the first one.
void login_conversation::on_step(bytes step) {
    if (mechanism_ == x509) return void(state_ = state::done);
    const bool ended = says_done(step);
    if (!scram_ || state_ == state::empty) {
        if (ended) return void(state_ = state::done);
        return fail("the server wants more than there is to say");
    }
    const auto payload = payload_of(step);
    if (!payload) return fail("the server's answer has no payload");
    scram::reply answer;
    try {
        answer = scram_->next(*payload);
    } catch (const std::exception& e) {
        return fail(e.what());
    }
    if (!answer.ok()) return fail(std::string(to_string(answer.why)));
    if (scram_->authenticated()) {
        as_->keep(*hash_, *scram_);
        state_ = ended ? state::done : state::empty;
    } else {
        if (ended) return fail("the server has not shown that it knows the password");
        state_ = state::next;
    }
    payload_ = std::move(answer.message);
    const auto id = bson::find(step, "conversationId");
    conversation_ = id ? bson::value(*id) : bson::value();
}

void login_conversation::fail(const std::string& why, errc code) {
    state_ = state::failed;
    const auto who = as_->user.empty() ? std::string() : " of '" + as_->user + "'";
    why_.emplace(code, "the login" + who + " by " + mechanism_ + " failed: " + why);
}

} // namespace oocrpc::mongodb
