#include "support/test.hpp"

#include <oocrpc/error.hpp>

#include <asio/error.hpp>

TEST_SUITE("error") {

TEST_CASE("an error of the library carries its identifier and its code") {
    oocrpc::rpc_error e(oocrpc::errc::unavailable, "connection refused");
    CHECK(e.message() == "unavailable");
    CHECK(e.detail() == "connection refused");
    CHECK(e.code() == oocrpc::errc::unavailable);
    CHECK(std::string(e.what()) == "unavailable: connection refused");
}

TEST_CASE("an application's own error has code 8000 unless it gives another") {
    CHECK(oocrpc::rpc_error("poem_lost", "").code().value() == 8000);
    CHECK(oocrpc::rpc_error("poem_lost", "", 20001).code().value() == 20001);
    CHECK(std::string(oocrpc::rpc_error("poem_lost", "").what()) == "poem_lost");
}

TEST_CASE("every identifier on the wire is read back to its error") {
    for (auto e : {oocrpc::errc::internal, oocrpc::errc::invalid_argument, oocrpc::errc::cancelled,
                   oocrpc::errc::deadline_exceeded, oocrpc::errc::overloaded})
        CHECK(oocrpc::errc_from_string(oocrpc::to_string(e)) == e);
    CHECK_FALSE(oocrpc::errc_from_string("poem_lost"));
    CHECK_FALSE(oocrpc::errc_from_string("application"));
}

TEST_CASE("a cancellation is known whether Asio or the library raised it") {
    CHECK(oocrpc::is_cancelled(
        std::make_exception_ptr(std::system_error(asio::error::operation_aborted))));
    CHECK(
        oocrpc::is_cancelled(std::make_exception_ptr(oocrpc::rpc_error(oocrpc::errc::cancelled))));
    CHECK_FALSE(oocrpc::is_cancelled(std::make_exception_ptr(std::runtime_error("x"))));
    CHECK_FALSE(oocrpc::is_cancelled(nullptr));
}

} // TEST_SUITE("error")
