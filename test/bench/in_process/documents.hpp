#pragma once
// What the BSON benchmarks read and write, in words of no library.

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// What a server has to know of `{call: {funcname: "demo.add", arguments: [2, 3]}, id: 4711}`.
struct call {
    std::string_view method;
    std::int32_t a = 0, b = 0;
    std::int64_t id = 0;

    friend bool operator==(const call&, const call&) = default;
};

/// One of `{items: [...]}`, about 100 bytes as BSON.
struct item {
    std::int32_t number = 0;
    std::string name;
    double price = 0;
    bool in_stock = false;
    std::vector<std::int32_t> sizes;

    friend bool operator==(const item&, const item&) = default;
};

inline constexpr call add{"demo.add", 2, 3, 4711};

inline std::vector<item> make_items(std::size_t bytes) {
    std::vector<item> all;
    for (std::int32_t i = 0; bytes >= 100; bytes -= 100, ++i)
        all.push_back({i, "a thing of " + std::to_string(1000 + i), i * 1.25, i % 3 == 0, {i, 41}});
    return all;
}

/// `bytes` of ASCII, or of what people write beyond it.
inline std::string make_text(std::size_t bytes, std::string_view of) {
    std::string text;
    while (text.size() + of.size() <= bytes) text += of;
    return text;
}
inline constexpr std::string_view english = "What people write in plain letters. ";
inline constexpr std::string_view mixed = "Grüße aus Łódź, привет, こんにちは, 👋; ";

inline void require(bool sound, const char* what) {
    if (!sound) throw std::logic_error(what);
}

} // namespace bench
