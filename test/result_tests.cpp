#include "support/spawned.hpp"
#include "support/test.hpp"

#include <memory>
#include <oocrpc/result.hpp>
#include <oocrpc/unhandled.hpp>
#include <stdexcept>

using oocrpc::result;

namespace {
std::exception_ptr boom() {
    return std::make_exception_ptr(std::runtime_error("boom"));
}
} // namespace

TEST_SUITE("result") {

TEST_CASE("a result with a value gives the value and no error") {
    result<std::string> r(std::string("poem"));
    CHECK(r.ok());
    CHECK(r);
    CHECK(r.value() == "poem");
    CHECK(r.error() == nullptr);
}

TEST_CASE("a result with an error throws it where the value is asked for") {
    auto r = result<int>::failed(boom());
    CHECK_FALSE(r.ok());
    CHECK(r.error() != nullptr);
    CHECK_THROWS_WITH_AS(r.value(), "boom", std::runtime_error);
    CHECK_THROWS_WITH_AS(std::as_const(r).value(), "boom", std::runtime_error);
    CHECK_THROWS_WITH_AS(std::move(r).value(), "boom", std::runtime_error);
}

TEST_CASE("a result of nothing is a success or an error") {
    result<void> good;
    CHECK(good.ok());
    CHECK_NOTHROW(good.value());
    auto bad = result<void>::failed(boom());
    CHECK_THROWS_WITH_AS(bad.value(), "boom", std::runtime_error);
}

TEST_CASE("a result is a value: it copies, and it moves what does not copy") {
    result<std::string> a(std::string("a"));
    auto b = a;
    b.value() = "b";
    CHECK(a.value() == "a");
    result<std::unique_ptr<int>> p(std::make_unique<int>(5));
    auto taken = std::move(p).value();
    CHECK(*taken == 5);
}

TEST_CASE("a result may hold an exception_ptr as its value") {
    result<std::exception_ptr> r(boom());
    CHECK(r.ok());
    CHECK(r.error() == nullptr);
}

} // TEST_SUITE("result")

TEST_SUITE("unhandled") {

TEST_CASE("the hook is given what is reported, and setting one returns the one before") {
    oocrpc::test::unhandled_log outer;
    {
        oocrpc::test::unhandled_log inner;
        oocrpc::report_unhandled(boom());
        CHECK(inner.errors().size() == 1);
    }
    CHECK(outer.errors().empty());
    oocrpc::report_unhandled(boom());
    CHECK(outer.errors() == std::vector<std::string>{"boom"});
}

TEST_CASE("without a hook an unhandled error is dropped, and what a hook throws is swallowed") {
    auto before = oocrpc::on_unhandled({});
    oocrpc::report_unhandled(boom());
    oocrpc::on_unhandled([](std::exception_ptr, const std::source_location&) { throw 1; });
    oocrpc::report_unhandled(boom());
    oocrpc::on_unhandled(before);
}

} // TEST_SUITE("unhandled")
