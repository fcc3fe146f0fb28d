#include "scram_messages.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include <oocrpc/bson.hpp>

#include "scram_crypto.hpp"

namespace oocrpc::scram {
namespace {

/// What holds for every message.
bool is_text(std::string_view message) {
    return message.size() <= max_message && message.find('\0') == message.npos &&
           bson::is_utf8(message);
}

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Reads attributes, `r=abc`, with commas between them, in the order that the RFC gives.
class reader {
  public:
    explicit reader(std::string_view text) : rest_(text) {}

    /// The value of the next attribute, which must have that name, and not be empty.
    std::optional<std::string_view> value(char name) {
        if (rest_.size() < 3 || rest_[0] != name || rest_[1] != '=') return {};
        const auto end = std::min(rest_.find(','), rest_.size());
        const auto found = rest_.substr(2, end - 2);
        if (found.empty()) return {};
        at_end_ = end == rest_.size();
        rest_.remove_prefix(at_end_ ? end : end + 1);
        return found;
    }

    /// The bytes that the value stands for in base64.
    std::optional<std::string> data(char name) {
        const auto text = value(name);
        return text ? from_base64(*text) : std::nullopt;
    }

    /// What may come after the last attribute: some that no RFC knows, and which are ignored.
    /// `none` if so; attributes of this RFC are out of place here.
    failure end() {
        while (!at_end_) {
            const char name = rest_.empty() ? '\0' : rest_[0];
            if (name == 'm') return failure::extension;
            if (!is_letter(name) || std::string_view("anrcsipve").find(name) != std::string::npos)
                return failure::malformed;
            if (!value(name)) return failure::malformed;
        }
        return failure::none;
    }

    bool at_end() const { return at_end_; }

    bool wants_extension() const { return rest_.starts_with("m="); }

  private:
    std::string_view rest_;
    bool at_end_ = false;
};

/// Visible ASCII; commas end the value before.
bool is_nonce(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= 0x21 && c <= 0x7e; });
}

std::optional<std::string> unescaped(std::string_view text) {
    std::string name;
    while (!text.empty()) {
        if (text.starts_with("=2C"))
            name += ',';
        else if (text.starts_with("=3D"))
            name += '=';
        else if (text[0] == '=')
            return {};
        else
            name += text[0];
        text.remove_prefix(text[0] == '=' ? 3 : 1);
    }
    return name;
}

/// A number above 0 without zeros before it.
std::optional<std::uint32_t> count_of(std::string_view text) {
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    if (text[0] == '0' || !std::ranges::all_of(text, digit)) return {};
    std::uint32_t n = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), n).ec != std::errc())
        return std::numeric_limits<std::uint32_t>::max();
    return n;
}

/// The GS2 header at the front of a client's first message, and whom it asks to act as.
struct gs2_header {
    failure why = failure::none;
    std::size_t size = 0;
    std::string act_as = {};
};

gs2_header read_header(std::string_view message) {
    if (message.starts_with("p=")) return {failure::channel_binding};
    if (!message.starts_with("n,") && !message.starts_with("y,")) return {failure::malformed};
    const auto end = message.find(',', 2);
    if (end == message.npos) return {failure::malformed};
    if (end == 2) return {failure::none, end + 1};
    reader identity(message.substr(2, end - 2));
    const auto text = identity.value('a');
    auto name = text ? unescaped(*text) : std::nullopt;
    if (!name) return {failure::malformed};
    return {failure::none, end + 1, std::move(*name)};
}

} // namespace

std::string escaped(std::string_view name) {
    std::string text;
    for (const char c : name)
        if (c == ',')
            text += "=2C";
        else if (c == '=')
            text += "=3D";
        else
            text += c;
    return text;
}

client_first read_client_first(std::string_view message) {
    if (!is_text(message)) return {failure::malformed};
    auto header = read_header(message);
    if (header.why != failure::none) return {header.why};
    const auto bare = message.substr(header.size);
    reader attributes(bare);
    if (attributes.wants_extension()) return {failure::extension};
    const auto name = attributes.value('n');
    auto user = name ? unescaped(*name) : std::nullopt;
    const auto nonce = attributes.value('r');
    if (!user || !nonce || !is_nonce(*nonce)) return {failure::malformed};
    if (const auto why = attributes.end(); why != failure::none) return {why};
    if (!header.act_as.empty() && header.act_as != *user) return {failure::authorization};
    return {failure::none, std::string(message.substr(0, header.size)), std::move(*user),
            std::string(*nonce), std::string(bare)};
}

server_first read_server_first(std::string_view message) {
    if (!is_text(message)) return {failure::malformed};
    reader attributes(message);
    if (attributes.wants_extension()) return {failure::extension};
    const auto nonce = attributes.value('r');
    auto salt = attributes.data('s');
    const auto digits = attributes.value('i');
    const auto iterations = digits ? count_of(*digits) : std::nullopt;
    if (!nonce || !is_nonce(*nonce) || !salt || !iterations) return {failure::malformed};
    if (const auto why = attributes.end(); why != failure::none) return {why};
    return {failure::none, std::string(*nonce), std::move(*salt), *iterations};
}

client_final read_client_final(std::string_view message) {
    if (!is_text(message)) return {failure::malformed};
    const auto end = message.rfind(",p="); // the last attribute, so that all before it is proven
    if (end == message.npos) return {failure::malformed};
    const auto without_proof = message.substr(0, end);
    reader attributes(without_proof);
    auto header = attributes.data('c');
    const auto nonce = attributes.value('r');
    if (!header || !nonce || !is_nonce(*nonce)) return {failure::malformed};
    if (const auto why = attributes.end(); why != failure::none) return {why};
    reader last(message.substr(end + 1));
    auto proof = last.data('p');
    if (!proof || !last.at_end()) return {failure::malformed};
    return {failure::none, std::move(*header), std::string(*nonce), std::move(*proof),
            std::string(without_proof)};
}

server_final read_server_final(std::string_view message) {
    if (!is_text(message)) return {failure::malformed};
    reader attributes(message);
    if (attributes.value('e')) return {failure::refused};
    auto signature = attributes.data('v');
    if (!signature) return {failure::malformed};
    if (const auto why = attributes.end(); why != failure::none) return {why};
    return {failure::none, std::move(*signature)};
}

} // namespace oocrpc::scram
