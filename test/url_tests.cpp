#include "support/test.hpp"

#include <oocrpc/error.hpp>
#include <oocrpc/url.hpp>

using namespace oocrpc;

namespace {
std::string refusal(std::string_view text) {
    try {
        url::parse(text);
    } catch (const rpc_error& e) {
        CHECK(e.code() == errc::invalid_argument);
        return e.detail();
    }
    return "";
}
} // namespace

TEST_SUITE("url") {

TEST_CASE("a URL is read and written back as it was") {
    for (auto* text : {"oocrpc://127.0.0.1:9001", "oocrpc://localhost:0", "oocrpc://[::1]:65535",
                       "oocrpc+unix:///tmp/a b.sock"})
        CHECK(url::parse(text).to_string() == text);
    const auto u = url::parse("oocrpc://[::1]:80/");
    CHECK(u.host == "::1");
    CHECK(u.port == 80);
    CHECK(u.via == url::transport::tcp);
    CHECK(url::parse("oocrpc+unix:///tmp/s").path == "/tmp/s");
    CHECK(url::parse("oocrpc+unix:///tmp/s").via == url::transport::unix_socket);
}

TEST_CASE("what is wrong with a URL is said together with the URL") {
    CHECK(refusal("127.0.0.1:9001") == "'127.0.0.1:9001': not a URL (oocrpc://host:port or "
                                       "oocrpc+unix:///path is expected)");
    CHECK(refusal("http://a:1") == "'http://a:1': unknown scheme 'http' (oocrpc, oocrpc+unix)");
    CHECK(refusal("oocrpc://a") == "'oocrpc://a': a port is missing (host:port)");
    CHECK(refusal("oocrpc://:1") == "'oocrpc://:1': the host is missing");
    CHECK(refusal("oocrpc://[]:1") == "'oocrpc://[]:1': the host is missing");
    CHECK(refusal("oocrpc://::1:1") == "'oocrpc://::1:1': an IPv6 address needs brackets");
    CHECK(refusal("oocrpc://[::1:1") == "'oocrpc://[::1:1': '[' without ']'");
    CHECK(refusal("oocrpc://[::1]x:1") == "'oocrpc://[::1]x:1': text between ']' and the port");
    CHECK(refusal("oocrpc://a:1/b") == "'oocrpc://a:1/b': a path has no meaning here");
    for (auto* text : {"oocrpc://a:", "oocrpc://a:x", "oocrpc://a:65536", "oocrpc://a:-1"})
        CHECK(refusal(text).ends_with("the port is not a number from 0 to 65535"));
    CHECK(refusal("oocrpc+unix://tmp/s").ends_with("the path of a Unix socket must be absolute"));
    const std::string longest(107, 'x');
    CHECK(refusal("oocrpc+unix:///" + longest).ends_with("is limited to 107 bytes"));
}

TEST_CASE("host and port stand alone, too") {
    CHECK(host_port::parse("[::1]:80").host == "::1");
    CHECK(host_port::parse("localhost:80").port == 80);
    CHECK_THROWS_AS(host_port::parse("localhost"), rpc_error);
}

} // TEST_SUITE("url")
