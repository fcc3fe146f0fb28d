#include "option_words.hpp"

#include <stdexcept>

#include <oocrpc/option.hpp>

#include "reply_cache.hpp"

namespace oocrpc::proxy {
namespace {

[[noreturn]] void refuse(std::string_view text, const char* expected) {
    throw std::invalid_argument("'" + std::string(text) + "': expected " + expected);
}

} // namespace

cached_method parse_cached_method(std::string_view text) {
    const auto at = text.find('=');
    cached_method m{std::string(text.substr(0, at)), cache_rules::default_ttl};
    if (m.method.empty()) refuse(text, "METHOD or METHOD=TTL");
    if (at != text.npos) m.ttl = parse_duration(text.substr(at + 1));
    return m;
}

text_port parse_text_port(std::string_view text) {
    const auto at = text.find('=');
    if (at == text.npos || at + 1 == text.size()) refuse(text, "HOST:PORT=METHOD");
    return {host_port::parse(text.substr(0, at)), std::string(text.substr(at + 1))};
}

} // namespace oocrpc::proxy
