#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <CLI/CLI.hpp>
#include <asio.hpp>
#include <nlohmann/json.hpp>
#include <snappy.h>
#include <spdlog/spdlog.h>
#include <toml++/toml.h>
#include <zlib.h>
#include <zstd.h>

#include <oocrpc/error.hpp>

TEST_CASE("every library that a wrap provides compiles and links") {
    CLI::App app{"probe"};
    CHECK(app.get_description() == "probe");
    asio::io_context io;
    CHECK(io.run() == 0);
    CHECK(nlohmann::json::parse("[1]").size() == 1);
    CHECK(spdlog::fmt_lib::format("{}", 7) == "7");
    CHECK(toml::parse("a = 1")["a"].value<int>() == 1);
    CHECK(zlibVersion() == std::string(ZLIB_VERSION));
    CHECK(ZSTD_versionNumber() == ZSTD_VERSION_NUMBER);
    CHECK(snappy::MaxCompressedLength(100) > 100);
    CHECK(oocrpc::to_string(oocrpc::errc::cancelled) == "cancelled");
}
