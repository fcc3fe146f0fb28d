#include "client_codec.hpp"

#include <algorithm>

#include <oocrpc/error.hpp>

namespace oocrpc {
namespace {

using namespace mongodb;

// A reply may be that much larger than its content may.
constexpr std::size_t slack = 64 << 10;
constexpr std::size_t kept = 256 << 10; // bytes of a buffer that stay for the next message

decoded malformed(std::string reason) {
    return {decoded::state::malformed, 0, std::move(reason)};
}

bool is_reply(opcode op) noexcept {
    return op == opcode::msg || op == opcode::compressed || op == opcode::reply;
}

} // namespace

mongodb_client_codec::state::state(mongodb_client_options options, std::size_t max_message,
                                   std::size_t max_depth)
    : options_(std::move(options)),
      max_message_(max_message),
      largest_reply_(max_message + slack),
      max_depth_(max_depth + (default_depth - bson::default_max_depth)),
      largest_document_(max_message),
      largest_request_(largest_message_for(max_message)) {
    if (options_.database.empty()) options_.database = "admin";
}

decoded mongodb_client_codec::state::decode(bytes in, message& out) {
    if (batch_.id) return next_item(in, out);
    const decoded head{decoded::state::incomplete, header_size, {}};
    if (in.size() < header_size) return head;
    const auto h = read_header(in);
    const auto size = static_cast<std::size_t>(std::max(h.length, 0));
    if (size < header_size || size > largest_reply_)
        return malformed("a message of " + std::to_string(h.length) + " bytes, outside of " +
                         std::to_string(header_size) + " to " + std::to_string(largest_reply_));
    if (!is_reply(h.operation))
        return malformed("operation " + std::to_string(static_cast<int>(h.operation)) +
                         " is not a reply");
    if (in.size() < size) return {decoded::state::incomplete, size, {}};
    tidy();
    auto why = read(in.first(size), out);
    if (!why.empty()) {
        auto wrong = malformed(std::move(why));
        if (login_ && login_->failed())
            wrong.code = static_cast<errc>(login_->why().code().value());
        return wrong;
    }
    if (!batch_.id) return {decoded::state::message, size, {}};
    batch_.size = size;
    return next_item(in, out);
}

encoded mongodb_client_codec::state::encode(const message& m, byte_buffer& out) {
    if (!ready()) return encoded::unsupported;
    switch (m.kind) {
    case message_kind::call:
        return call(m, out);
    case message_kind::cancel:
        return cancel(m.id, out);
    case message_kind::credit:
        return grant(m, out);
    default:
        return encoded::unsupported;
    }
}

void mongodb_client_codec::state::speak(byte_buffer& out) {
    if (stage_ == stage::begin) {
        hello_ = requests_.next_id();
        if (options_.login) login_.emplace(options_.login, options_.encrypted);
        write_hello(options_, login_ ? &*login_ : nullptr, hello_, out);
        stage_ = stage::greeted;
    } else if (stage_ == stage::refused) {
        hello_ = requests_.next_id();
        write_is_master(options_, login_ ? &*login_ : nullptr, hello_, out);
        stage_ = stage::is_master;
    } else if (stage_ == stage::login) {
        hello_ = requests_.next_id();
        write_login(out);
        stage_ = stage::logging_in;
    }
    for (const auto id : due_)
        if (const auto at = streams_.find(id); at != streams_.end()) get_more(id, at->second, out);
    due_.clear();
    for (const auto& d : doomed_) kill_cursor(d, out);
    doomed_.clear();
    if (!batch_.id) tidy();
}

void mongodb_client_codec::state::tidy() {
    for (auto* b : {&scratch_, &unpacked_, &merged_}) {
        b->clear();
        if (b->capacity() > kept) *b = byte_buffer();
    }
}

mongodb_client_codec::mongodb_client_codec(mongodb_client_options options, std::size_t max_message,
                                           std::size_t max_depth)
    : state_(std::make_unique<state>(std::move(options), max_message, max_depth)) {}

mongodb_client_codec::~mongodb_client_codec() = default;

bool mongodb_client_codec::takes_commands() const noexcept {
    return state_->takes_commands();
}

bool mongodb_client_codec::ready() const noexcept {
    return state_->ready();
}

decoded mongodb_client_codec::decode(bytes in, message& out) {
    return state_->decode(in, out);
}

encoded mongodb_client_codec::encode(const message& m, byte_buffer& out) {
    return state_->encode(m, out);
}

void mongodb_client_codec::speak(byte_buffer& out) {
    state_->speak(out);
}

} // namespace oocrpc
