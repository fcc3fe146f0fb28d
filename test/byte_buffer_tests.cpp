#include "support/test.hpp"

#include <oocrpc/byte_buffer.hpp>

using oocrpc::byte_buffer;
using oocrpc::bytes;

namespace {
std::string text(const byte_buffer& b) {
    return {reinterpret_cast<const char*>(b.data()), b.size()};
}
} // namespace

TEST_SUITE("byte_buffer") {

TEST_CASE("what is appended stays through growth") {
    byte_buffer b;
    std::string expected;
    for (int i = 0; i < 1000; ++i) {
        b.append(std::to_string(i));
        expected += std::to_string(i);
    }
    b.push_back('!');
    CHECK(text(b) == expected + "!");
    b.append(bytes());
    CHECK(b.size() == expected.size() + 1);
}

TEST_CASE("bytes are consumed from the front and cut from the end") {
    byte_buffer b;
    b.append(std::string_view("abcdef"));
    b.consume(2);
    CHECK(text(b) == "cdef");
    b.truncate(3);
    CHECK(text(b) == "cde");
    b.consume(3);
    CHECK(b.empty());
    b.consume(0);
    CHECK(b.capacity() > 0);
}

TEST_CASE("what is prepared counts once it is committed") {
    byte_buffer b;
    auto* at = b.prepare(4);
    at[0] = 'x';
    CHECK(b.empty());
    b.commit(1);
    CHECK(text(b) == "x");
}

TEST_CASE("shrinking keeps the content and gives back the rest") {
    byte_buffer b;
    b.append(std::string(10'000, 'x'));
    b.truncate(3);
    b.shrink(1);
    CHECK(b.capacity() == 3);
    CHECK(text(b) == "xxx");
    b.clear();
    b.shrink(0);
    CHECK(b.capacity() == 0);
}

TEST_CASE("a moved-from buffer is empty and usable") {
    byte_buffer a;
    a.append(std::string_view("abc"));
    byte_buffer b = std::move(a);
    CHECK(a.empty());
    CHECK(a.capacity() == 0);
    a.append(std::string_view("d"));
    CHECK(text(a) == "d");
    CHECK(text(b) == "abc");
}

} // TEST_SUITE("byte_buffer")
