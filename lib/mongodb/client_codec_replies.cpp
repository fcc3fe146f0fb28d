// How mongodb_client_codec reads replies.

#include <algorithm>

#include <oocrpc/error.hpp>

#include "client_codec.hpp"
#include "command_reading.hpp"

namespace oocrpc {
namespace {

using namespace mongodb;
using bson::type;
using bson::value_view;

constexpr value_view null{type::null, {}};

} // namespace

std::string mongodb_client_codec::state::read(bytes message, oocrpc::message& out) {
    instead_ = nullptr;
    base_ = message.data();
    if (read_header(message).operation == opcode::compressed) {
        compressor used{};
        if (auto why = unpack(message, largest_reply_, unpacked_, used); !why.empty()) return why;
        const auto offered = [used](auto& name) { return compressor_from(name) == used; };
        if (used != compressor::noop && std::ranges::none_of(options_.compressors, offered))
            return "OP_COMPRESSED: " + std::string(to_string(used)) + " was not offered";
        message = unpacked_;
        instead_ = &unpacked_;
        base_ = unpacked_.data();
    }
    switch (read_header(message).operation) {
    case opcode::msg:
        return read_msg(message, out);
    case opcode::reply:
        return read_reply_operation(message);
    default:
        return "OP_COMPRESSED: what it holds is not a reply";
    }
}

std::string mongodb_client_codec::state::read_msg(bytes message, oocrpc::message& out) {
    reply_reader reader;
    if (auto why = parse(message, msg_, max_depth_, reader); !why.empty()) return why;
    const auto head = read_header(message);
    const bool more = (msg_.flags & op_msg::more_to_come) != 0;
    auto reply = msg_.body;
    if (!msg_.sections.empty()) {
        merged_.clear();
        merge(reply, msg_.sections, merged_);
        reply = merged_;
        instead_ = &merged_;
        base_ = merged_.data();
        reader.found = read_reply(reply);
    }
    if (!ready()) return head.response_to == hello_ ? read_handshake(reply) : std::string();
    if (const auto* to = requests_.find(origin(head, more))) {
        const auto request = *to;
        answer(request, reader.found, reply, more, out);
    }
    return {};
}

std::string mongodb_client_codec::state::read_reply_operation(bytes message) {
    op_reply m;
    if (auto why = parse(message, m, max_depth_); !why.empty()) return why;
    const auto to = read_header(message).response_to;
    if (!ready() && to == hello_) {
        if (m.count != 1) return "OP_REPLY: not one document answers the handshake";
        return read_handshake(m.documents);
    }
    return requests_.find(to) ? "OP_REPLY answers an OP_MSG" : "";
}

std::string mongodb_client_codec::state::read_handshake(bytes reply) {
    switch (stage_) {
    case stage::greeted:
    case stage::is_master:
        return greeted(reply);
    case stage::logging_in:
        login_->on_reply(reply);
        return follow_login();
    default:
        return {}; // answered once already
    }
}

std::string mongodb_client_codec::state::follow_login() {
    if (login_->failed()) return login_->why().detail();
    stage_ = login_->done() ? stage::ready : stage::login;
    if (login_->done()) login_.reset();
    return {};
}

std::string mongodb_client_codec::state::greeted(bytes reply) {
    const auto f = read_reply(reply);
    if (!f.ok) {
        if (stage_ == stage::is_master) {
            const auto why = read_failure(f);
            return "an error instead of a handshake, " + why.message + ": " + why.detail;
        }
        stage_ = stage::refused;
        return {};
    }
    if (auto why = read_hello(reply, options_, server_); !why.empty()) return why;
    largest_document_ = std::min(max_message_, server_.max_document);
    largest_request_ = std::min(largest_request_, server_.max_message);
    if (login_) {
        login_->on_hello(reply);
        return follow_login();
    }
    stage_ = stage::ready;
    return {};
}

/// Each reply but the first of a chain answers the one before it.
std::int32_t mongodb_client_codec::state::origin(const header& head, bool more) {
    const auto to = head.response_to;
    // The server's numbers are its own and may be equal to ours: a request that waits comes first.
    if (requests_.find(to)) {
        if (!more) return to;
        // One chain for a request, however often it is answered.
        const auto at = std::ranges::find(chains_, to, [](auto& c) { return c.second; });
        if (at == chains_.end())
            chains_.emplace_back(head.request_id, to);
        else
            at->first = head.request_id;
        return to;
    }
    const auto at = std::ranges::find(chains_, to, [](auto& c) { return c.first; });
    if (at == chains_.end()) return to;
    const auto request_id = at->second;
    if (more)
        at->first = head.request_id;
    else
        chains_.erase(at);
    return request_id;
}

void mongodb_client_codec::state::answer(const outgoing& to, const reply_fields& f, bytes reply,
                                         bool more, oocrpc::message& out) {
    if (!more || !f.ok) forget(to.request_id);
    if (!to.id) {
        const auto c = read_cursor(f.cursor);
        if (f.ok && c.id && !more) {
            stream s;
            follow(s, c);
            doomed_.push_back({c.id, std::move(s.database), std::move(s.collection)});
        }
        return;
    }
    if (!f.ok) return fail(to.id, f, reply, out);
    if (to.stream && !f.cursor.empty()) {
        auto& s = streams_[to.id];
        if (!more) s.request = 0;
        if (s.collects) return collect(to.id, s, f.cursor, out);
        return begin_batch(to, s, f.cursor, more);
    }
    if (more) return; // of a call that takes one answer, the last one counts
    // A caller that takes no stream gets its items in one array.
    if (server_.ours && !to.whole && !f.cursor.empty() && !present(f.result)) {
        auto& s = streams_[to.id];
        s.collects = true;
        s.collected.grow(4);
        return collect(to.id, s, f.cursor, out);
    }
    end(to, f, reply, out);
}

void mongodb_client_codec::state::fail(std::int64_t id, const reply_fields& f, bytes reply,
                                       oocrpc::message& out) {
    if (!streams_.empty()) streams_.erase(id);
    out.kind = message_kind::error;
    out.id = id;
    out.fault = std::make_unique<failure>(read_failure(f));
    out.body = {type::document, reply};
    out.raw = true;
}

void mongodb_client_codec::state::end(const outgoing& to, const reply_fields& f, bytes reply,
                                      oocrpc::message& out) {
    if (to.stream) streams_.erase(to.id);
    out.kind = message_kind::reply;
    out.id = to.id;
    if (to.whole) {
        out.body = {type::document, reply};
        out.raw = true;
    } else if (present(f.result)) {
        out.body = f.result;
        if (!f.oocrpc.empty()) read_meta(f, out.meta);
    } else {
        write_result(reply, scratch_);
        out.body = {type::document, scratch_};
    }
}

// Cursors.

void mongodb_client_codec::state::follow(stream& s, const cursor_fields& c) {
    s.cursor = c.id;
    const auto dot = c.ns.find('.');
    if (dot == c.ns.npos) {
        if (s.database.empty()) s.database = options_.database;
        return;
    }
    s.database = c.ns.substr(0, dot);
    s.collection = c.ns.substr(dot + 1);
}

void mongodb_client_codec::state::begin_batch(const outgoing& to, stream& s, bytes cursor,
                                              bool more) {
    const auto c = read_cursor(cursor);
    follow(s, c);
    batch_.id = to.id;
    batch_.last = c.id == 0 && !more;
    if (!c.batch.empty()) batch_.at = static_cast<std::size_t>(c.batch.data() + 4 - base_);
}

decoded mongodb_client_codec::state::next_item(bytes in, oocrpc::message& out) {
    const bytes from = instead_ ? bytes(*instead_) : in;
    const auto* base = from.data();
    const auto at = streams_.find(batch_.id);
    if (at == streams_.end()) { // cancelled by who got an earlier item
        out.kind = message_kind::ignored;
        return {decoded::state::message, std::exchange(batch_, {}).size, {}};
    }
    if (batch_.at == batch::none || base[batch_.at] == 0) return end_batch(out);
    const bson::elements::iterator element(base + batch_.at, base + from.size());
    out.kind = message_kind::item;
    out.id = batch_.id;
    out.body = item_of(element->value);
    out.credit = 1;
    --at->second.credit;
    const auto data = element->value.data;
    batch_.at = static_cast<std::size_t>(data.data() + data.size() - base);
    if (batch_.last || base[batch_.at] != 0) return {decoded::state::message, 0, {}};
    due_.push_back(batch_.id);
    return {decoded::state::message, std::exchange(batch_, {}).size, {}};
}

decoded mongodb_client_codec::state::end_batch(oocrpc::message& out) {
    const auto done = std::exchange(batch_, {});
    if (done.last) {
        streams_.erase(done.id);
        out.kind = message_kind::reply;
        out.id = done.id;
        out.body = null;
    } else { // an empty batch
        due_.push_back(done.id);
        out.kind = message_kind::ignored;
    }
    return {decoded::state::message, done.size, {}};
}

value_view mongodb_client_codec::state::item_of(value_view element) const noexcept {
    if (!server_.ours || element.t != type::document) return element;
    const bson::elements all(element.as_document());
    auto at = all.begin();
    if (at == std::default_sentinel || at->name != "reply") return element;
    const auto wrapped = at->value;
    return ++at == std::default_sentinel ? wrapped : element;
}

void mongodb_client_codec::state::collect(std::int64_t id, stream& s, bytes cursor,
                                          oocrpc::message& out) {
    const auto c = read_cursor(cursor);
    follow(s, c);
    for (const auto& e : bson::elements(c.batch))
        bson::append_element(s.collected, std::to_string(s.count++), item_of(e.value));
    if (s.collected.size() > max_message_) {
        if (c.id) doomed_.push_back({c.id, std::move(s.database), std::move(s.collection)});
        streams_.erase(id);
        out = message::error(id, errc::message_too_large,
                             "the items exceed the limit of a message, " +
                                 std::to_string(max_message_) + " bytes");
    } else if (c.id) {
        due_.push_back(id);
    } else {
        scratch_ = std::move(s.collected);
        streams_.erase(id);
        scratch_.push_back(0);
        detail::store_le(scratch_.data(), static_cast<std::uint32_t>(scratch_.size()));
        out.kind = message_kind::reply;
        out.id = id;
        out.body = {type::array, scratch_};
    }
}

} // namespace oocrpc
