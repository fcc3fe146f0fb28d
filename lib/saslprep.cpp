#include "saslprep.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include <openssl/crypto.h>
#include <stringprep.h>

#include <oocrpc/bson.hpp>
#include <oocrpc/scram.hpp>

namespace oocrpc::scram {
namespace {

/// SASLprep leaves such text as it is.
bool is_visible_ascii(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

/// Characters as numbers, overwritten in the end. Normalisation makes at most 6 of each byte: 18 of
/// U+FDFA.
class characters {
  public:
    explicit characters(std::string_view utf8) {
        for (std::size_t at = 0; at < utf8.size();) code_[size_++] = next(utf8, at);
    }
    ~characters() { OPENSSL_cleanse(code_.data(), sizeof code_); }
    characters(const characters&) = delete;

    bool prepare() {
        return stringprep_4i(code_.data(), &size_, code_.size(), STRINGPREP_NO_UNASSIGNED,
                             stringprep_saslprep) == STRINGPREP_OK;
    }

    secret utf8() const {
        secret text(size_ * 4);
        std::size_t n = 0;
        for (std::size_t i = 0; i < size_; ++i) n += put(code_[i], text.data() + n);
        return secret(text.view().substr(0, n));
    }

  private:
    static std::uint32_t next(std::string_view utf8, std::size_t& at) {
        const auto byte = [&] { return static_cast<unsigned char>(utf8[at++]); };
        const std::uint32_t first = byte();
        const int more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
        auto code = more ? first & (0x3fu >> more) : first;
        for (int i = 0; i < more; ++i) code = code << 6 | (byte() & 0x3fu);
        return code;
    }

    static std::size_t put(std::uint32_t code, char* to) {
        const std::size_t more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
        constexpr std::array<std::uint32_t, 4> marks{0, 0xc0, 0xe0, 0xf0};
        to[0] = static_cast<char>(marks[more] | code >> 6 * more);
        for (std::size_t i = 1; i <= more; ++i)
            to[i] = static_cast<char>(0x80 | (code >> 6 * (more - i) & 0x3f));
        return more + 1;
    }

    std::array<std::uint32_t, max_password * 6> code_;
    std::size_t size_ = 0;
};

} // namespace

std::optional<secret> saslprep(std::string_view text) {
    if (is_visible_ascii(text)) return secret(text);
    // libidn would take a NUL, which is prohibited, for the end, and forget what comes after it.
    if (!bson::is_utf8(text) || text.find('\0') != text.npos) return {};
    characters of_text(text);
    if (!of_text.prepare()) return {};
    return of_text.utf8();
}

} // namespace oocrpc::scram
