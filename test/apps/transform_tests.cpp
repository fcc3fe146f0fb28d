#include "support/served.hpp"

#include <transform/text.hpp>
#include <transform/transform.hpp>

using namespace oocrpc;
using transform::lower;
using transform::numbered;
using transform::reversed;

TEST_SUITE("transform") {

TEST_CASE("each method answers with the poem transformed") {
    test::ask(transform::make_transform(),
              {
                  {"transform.cummingsify", R"(["O Captain!\nMy Captain!"])",
                   R"("o captain!\nmy captain!")"},
                  {"transform.reverse_lines", R"({"poem": "one\ntwo\n"})", R"("two\none\n")"},
                  {"transform.number_lines", R"(["one\ntwo\n"])", R"("1  one\n2  two\n")"},
              });
}

TEST_CASE("typed methods are called by their constants") {
    test::serving(transform::make_transform(), [](peer& p) -> awaitable<void> {
        CHECK(co_await p.call(transform::cummingsify, "BUFFALO BILL 'S") == "buffalo bill 's");
        CHECK(co_await p.call(transform::reverse_lines, "a\nb") == "b\na");
        CHECK(co_await p.call(transform::number_lines, "a\nb") == "1  a\n2  b");
    });
}

TEST_CASE("translate fails with lost_in_translation, and the service goes on") {
    test::ask(transform::make_transform(),
              {
                  {"transform.translate", R"(["Herbst"])",
                   "lost_in_translation: nobody has translated a poem yet"},
                  {"transform.cummingsify", R"(["Herbst"])", R"("herbst")"},
              });
}

TEST_CASE("what is no poem is an invalid argument") {
    test::serving(transform::make_transform(), [](peer& p) -> awaitable<void> {
        for (const char* arguments : {"[7]", "[]", R"(["a", "b"])", R"({"text": "a"})"}) {
            CAPTURE(arguments);
            json wrong = json::parse(arguments);
            const auto got = co_await test::outcome(p, "transform.cummingsify", std::move(wrong));
            CHECK(got.find("invalid_argument") == 0);
        }
    });
}

TEST_CASE("letters of ASCII, Latin, Greek and Cyrillic become small, all others stay") {
    CHECK(lower("") == "");
    CHECK(lower("AZaz@[`{ 09\n") == "azaz@[`{ 09\n");
    CHECK(lower("ÀÖ×ØÞß÷ÿ") == "àö×øþß÷ÿ");
    CHECK(lower("ĀįİĶŁŊŸŽſ") == "āįiķłŋÿžſ");
    CHECK(lower("ΑΡΣΤΩ ΆΈΊΌΎΏ Ϊ") == "αρστω άέίόύώ ϊ");
    CHECK(lower("ЖАБА Ёлка ЂЏ Ґ Ӂ Ӏ Ԯ") == "жаба ёлка ђџ ґ ӂ ӏ ԯ");
    CHECK(lower("夜航 ﬀ Ａ 𝔄") == "夜航 ﬀ Ａ 𝔄");
}

TEST_CASE("small letters once made stay as they are") {
    std::string all;
    for (unsigned c = 0x80; c < 0x800; ++c) {
        all += static_cast<char>(0xC0 | c >> 6);
        all += static_cast<char>(0x80 | (c & 0x3F));
    }
    const auto once = lower(all);
    CHECK(once != all);
    CHECK(lower(once) == once);
    CHECK(bson::is_utf8(once));
}

TEST_CASE("bytes that are no UTF-8 stay") {
    for (const std::string wrong :
         {"\xC3", "\xC3\x41", "\x80\xC3\xC3\x80", "\xE9tude", "\xC0\x80"}) {
        const auto got = lower(wrong + "X");
        CHECK(got.size() == wrong.size() + 1);
        CHECK(got.ends_with("x"));
    }
    CHECK(lower("\xC3"
                "A") == "\xC3"
                        "a");
}

TEST_CASE("reversed lines keep the end of the text") {
    CHECK(reversed("") == "");
    CHECK(reversed("one") == "one");
    CHECK(reversed("one\n") == "one\n");
    CHECK(reversed("one\ntwo\n\nthree\n") == "three\n\ntwo\none\n");
    CHECK(reversed("one\ntwo") == "two\none");
}

TEST_CASE("numbers are right aligned, and blank lines have none") {
    CHECK(numbered("") == "");
    CHECK(numbered("one\n\n  \ntwo") == "1  one\n\n  \n2  two");
    std::string ten;
    for (int i = 0; i < 10; ++i) ten += "line\n";
    const auto got = numbered(ten);
    CHECK(got.starts_with(" 1  line\n 2  line\n"));
    CHECK(got.ends_with(" 9  line\n10  line\n"));
}

} // TEST_SUITE("transform")
