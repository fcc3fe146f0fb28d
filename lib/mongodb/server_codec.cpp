#include "server_codec.hpp"

#include <algorithm>

#include <oocrpc/bson_value.hpp>

#include "server_answers.hpp"

namespace oocrpc {
namespace {

using namespace mongodb;

constexpr std::size_t slack = 16 << 10; // of a document above the limit of its content
constexpr std::size_t kept = 256 << 10; // bytes of a buffer that stay for the next request

decoded malformed(std::string reason) {
    return {decoded::state::malformed, 0, std::move(reason)};
}

bool is_request(opcode op) noexcept {
    return is_known(op) && op != opcode::reply;
}

} // namespace

mongodb_server_codec::state::state(std::size_t max_message, std::size_t depth, std::size_t elements)
    : own_limit(std::max(largest_message_for(max_message), header_size)),
      largest_request(own_limit),
      largest_answer(max_message + slack),
      documents{depth + (default_depth - bson::default_max_depth), elements, largest_batch} {}

void mongodb_server_codec::state::tidy() {
    for (auto* b : {&scratch_, &unpacked_}) {
        b->clear();
        if (b->capacity() > kept) *b = byte_buffer();
    }
    if (method_.capacity() > kept) method_ = std::string();
}

void mongodb_server_codec::state::speak(byte_buffer& out) {
    out.append(bytes(refusals_));
    refusals_ = byte_buffer();
}

encoded mongodb_server_codec::state::answer(const message& m, byte_buffer& out) {
    const auto* found = m.id ? pending_.find(m.id) : blamed_ ? &*blamed_ : nullptr;
    if (!found) return encoded::unsupported;
    const auto to = *found;
    const auto start = out.size();
    const auto request_id = static_cast<std::int32_t>(last_answer_ + 1);
    auto outcome = encoded::invalid;
    try {
        outcome = write_answer(m, to, request_id, largest_answer, out);
    } catch (const rpc_error& e) { // of the BSON writer
        if (e.code() == errc::message_too_large) outcome = encoded::too_large;
    }
    if (outcome != encoded::done) {
        out.truncate(start);
        return outcome;
    }
    if (to.compressed) pack(out, start, to.compressor);
    ++last_answer_;
    if (to.id)
        pending_.remove(to.id);
    else
        blamed_.reset();
    return outcome;
}

mongodb_server_codec::mongodb_server_codec(std::size_t max_message, std::size_t max_depth,
                                           std::size_t max_elements)
    : state_(std::make_unique<state>(max_message, max_depth, max_elements)) {}

mongodb_server_codec::~mongodb_server_codec() = default;

decoded mongodb_server_codec::decode(bytes in, message& out) {
    const decoded head{decoded::state::incomplete, header_size, {}};
    if (in.size() < 4) return head;
    const auto length = detail::load_le<std::int32_t>(in.data());
    if (length < static_cast<std::int32_t>(header_size))
        return malformed("a message of " + std::to_string(length) +
                         " bytes is shorter than its header");
    const auto size = static_cast<std::size_t>(length);
    if (size > state_->largest_request)
        return malformed("a message of " + std::to_string(length) + " bytes exceeds the limit of " +
                         std::to_string(state_->largest_request));
    if (in.size() < header_size) return head;
    if (const auto op = read_header(in).operation; !is_request(op))
        return malformed("operation " + std::to_string(static_cast<int>(op)) + " is not a request");
    if (in.size() < size) return {decoded::state::incomplete, size, {}};
    state_->tidy();
    auto why = state_->read(in.first(size), out);
    if (!why.empty()) return malformed(std::move(why));
    return {decoded::state::message, size, {}};
}

void mongodb_server_codec::speak(byte_buffer& out) {
    state_->speak(out);
    state_->tidy();
}

void mongodb_server_codec::take_at_most(std::size_t most) noexcept {
    state_->largest_request = std::clamp(most, header_size, state_->own_limit);
}

encoded mongodb_server_codec::encode(const message& m, byte_buffer& out) {
    if (m.kind != message_kind::reply && m.kind != message_kind::error) return encoded::unsupported;
    return state_->answer(m, out);
}

} // namespace oocrpc
