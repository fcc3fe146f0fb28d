#include <doctest/doctest.h>

#include <host/listening.hpp>

#include <oocrpc/component_group.hpp>

using host::open_to_strangers;
using namespace oocrpc;

namespace {

class listens final : public component, public host::listening {
  public:
    listens(std::string name, std::vector<std::string> at, bool asks = false)
        : component(std::move(name)),
          at_(std::move(at)),
          asks_(asks) {}
    std::vector<url> wanted() const override {
        std::vector<url> all;
        for (const auto& text : at_) all.push_back(url::parse(text));
        return all;
    }
    bool asks_who(const url&) const override { return asks_; }

  protected:
    awaitable<void> on_start() override { co_return; }
    awaitable<void> on_stop() override { co_return; }

  private:
    std::vector<std::string> at_;
    bool asks_;
};

} // namespace

TEST_SUITE("listening") {

TEST_CASE("who listens on this machine alone serves anybody") {
    for (const auto* at : {"oocrpc://127.0.0.1:0", "oocrpc://127.9.9.9:7", "oocrpc://[::1]:7",
                           "oocrpc://localhost:7", "oocrpc+unix:///tmp/x", "mongodb://127.0.0.1:7"})
        CHECK_MESSAGE(open_to_strangers(listens("a", {at})) == "", at);
}

TEST_CASE("an address that other machines reach asks who comes, wherever it stands") {
    const std::string end =
        ", and nobody has to log in there (--users FILE); --insecure allows that";
    for (const std::string at : {"oocrpc://0.0.0.0:0", "oocrpc://[::]:7", "oocrpc://192.0.2.1:7",
                                 "oocrpc://[2001:db8::1]:7"}) {
        const std::vector<std::string> both{"oocrpc://127.0.0.1:1", at};
        CHECK(open_to_strangers(listens("a", both)) == "a: other machines reach " + at + end);
        CHECK(open_to_strangers(listens("a", both, true)) == "");
    }
    // Nobody knows yet where a name leads that cannot be found now.
    const auto unknown = "oocrpc://" + std::string(64, 'x') + ":7";
    CHECK(open_to_strangers(listens("a", {unknown})) == "a: other machines reach " + unknown + end);
    component_group group("g");
    group.add(std::make_unique<listens>("a", std::vector<std::string>{"oocrpc://0.0.0.0:1"}));
    CHECK(open_to_strangers(group).ends_with("a: other machines reach oocrpc://0.0.0.0:1" + end));
}

} // TEST_SUITE("listening")
