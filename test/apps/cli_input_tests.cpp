#include <input.hpp>

#include <doctest/doctest.h>

#include <cstdio>
#include <memory>
#include <system_error>

using oocrpc::cli::data_error;
using oocrpc::cli::input;

namespace {

constexpr std::streamsize block = 65536;

// A file of so many bytes, at its beginning.
class file {
  public:
    explicit file(std::size_t size) : file_(std::tmpfile()) {
        REQUIRE(file_);
        std::string bytes(size, 'x');
        std::fwrite(bytes.data(), 1, bytes.size(), file_.get());
        std::rewind(file_.get());
    }
    int number() const { return fileno(file_.get()); }

  private:
    struct close {
        void operator()(std::FILE* f) const { std::fclose(f); }
    };
    std::unique_ptr<std::FILE, close> file_;
};

std::streamsize take(input& in, std::streamsize n) {
    std::string bytes(static_cast<std::size_t>(n), '\0');
    return in.sgetn(bytes.data(), n);
}

} // namespace

TEST_SUITE_BEGIN("cli_input");

TEST_CASE("the offset counts what was taken, not what was read") {
    file f(200000);
    input in(f.number());
    CHECK(in.offset() == 0);
    CHECK(in.sgetc() == 'x');
    CHECK(in.offset() == 0);
    CHECK(take(in, block + 5) == block + 5);
    CHECK(in.offset() == block + 5);
    CHECK(take(in, 200000) == 200000 - block - 5);
    CHECK(in.sbumpc() == input::traits_type::eof());
    CHECK(in.offset() == 200000);
}

TEST_CASE("behind the limit no further block is read, until it is lifted") {
    file f(10 * block);
    input in(f.number());
    take(in, 10);
    in.limit(2 * block, "this");
    CHECK_THROWS_WITH_AS(take(in, 10 * block), "byte 196608: this is too long", data_error);
    CHECK(in.offset() == 3 * block);
    in.lift_limit();
    CHECK(take(in, 10 * block) == 7 * block);
}

TEST_CASE("a file that cannot be read is an error of the system") {
    input in(-1);
    CHECK_THROWS_AS(in.sgetc(), std::system_error);
}

TEST_SUITE_END();
