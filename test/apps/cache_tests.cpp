#include "support/test.hpp"

#include "proxy/cache.hpp"

#include <random>

using namespace std::chrono_literals;
using oocrpc::message;
using oocrpc::proxy::cache;
namespace bson = oocrpc::bson;

namespace {

const cache::time_point start{1000s};

cache::reply_ptr reply_of(std::size_t bytes) {
    const std::vector<std::uint8_t> body(bytes);
    auto m = message::reply(0, {bson::type::binary, body});
    m.own();
    return std::make_shared<const message>(std::move(m));
}

/// A cache that has room for `entries` of one-letter keys, one-letter methods and `bytes` each.
std::size_t room_for(std::size_t entries, std::size_t bytes) {
    return entries * (cache::overhead() + 2 + bytes);
}

} // namespace

TEST_SUITE("cache") {

TEST_CASE("an entry is found by its exact key until its time has passed") {
    cache c(1 << 20);
    const auto kept = reply_of(3);
    CHECK(c.insert("m", "key", kept, 10s, start));
    REQUIRE(c.find("key", start + 9s));
    CHECK(c.find("key", start + 9s)->reply == kept);
    CHECK(c.find("key", start + 9s)->stored == start);
    CHECK_FALSE(c.find("ke", start));
    CHECK_FALSE(c.find("key2", start));
    CHECK_FALSE(c.find("key", start + 10s));
    CHECK_FALSE(c.find("key", start));
    CHECK(c.stats().hits == 3);
    CHECK(c.stats().misses == 4);
    CHECK(c.stats().expired == 1);
    CHECK(c.stats().entries == 0);
    CHECK(c.stats().bytes == 0);
}

TEST_CASE("keys are any bytes") {
    cache c(1 << 20);
    const std::string a("k\0a", 3), b("k\0b", 3);
    c.insert("m", a, reply_of(1), 10s, start);
    CHECK(c.find(a, start));
    CHECK_FALSE(c.find(b, start));
}

TEST_CASE("the least recently used entry makes room") {
    cache c(room_for(3, 100));
    for (const auto* key : {"a", "b", "c"}) c.insert("m", key, reply_of(100), 1h, start);
    CHECK(c.stats().evictions == 0);
    CHECK(c.find("a", start));
    c.insert("m", "d", reply_of(100), 1h, start);
    CHECK(c.find("a", start));
    CHECK_FALSE(c.find("b", start));
    CHECK(c.find("c", start));
    CHECK(c.find("d", start));
    CHECK(c.stats().evictions == 1);
    CHECK(c.stats().bytes <= c.limit());
    // A large one takes the room of several.
    c.insert("m", "e", reply_of(100 + room_for(1, 100)), 1h, start);
    CHECK(c.stats().entries == 2);
    CHECK(c.find("e", start));
    CHECK(c.find("d", start));
}

TEST_CASE("keys, replies, metadata and overhead are counted") {
    cache c(1 << 20);
    c.insert("m", "k", reply_of(0), 1h, start);
    const auto least = c.stats().bytes;
    CHECK(least > cache::overhead());
    c.insert("m", std::string(1000, 'k'), reply_of(0), 1h, start);
    CHECK(c.stats().bytes == 2 * least + 999);
    c.insert("m", "k", reply_of(500), 1h, start);
    CHECK(c.stats().bytes == 2 * least + 999 + 500);
    message m;
    m.meta.set("name", std::string(300, 'x'));
    c.insert("m", "k", std::make_shared<const message>(std::move(m)), 1h, start);
    CHECK(c.stats().bytes >= 2 * least + 999 + 300);
}

TEST_CASE("an entry larger than the limit is not kept, and what it would replace goes") {
    cache c(room_for(2, 100));
    c.insert("m", "a", reply_of(100), 1h, start);
    c.insert("m", "b", reply_of(100), 1h, start);
    CHECK_FALSE(c.insert("m", "a", reply_of(room_for(2, 100)), 1h, start));
    CHECK_FALSE(c.find("a", start));
    CHECK(c.find("b", start));
    CHECK(c.stats().evictions == 0);
    cache none(0);
    CHECK_FALSE(none.insert("m", "a", reply_of(0), 1h, start));
}

TEST_CASE("a time to live of 0 keeps nothing, the longest one does not overflow") {
    cache c(1 << 20);
    CHECK_FALSE(c.insert("m", "a", reply_of(1), 0s, start));
    CHECK(c.insert("m", "a", reply_of(1), cache::duration::max(), start));
    CHECK(c.find("a", start + 10000h));
}

TEST_CASE("entries are erased by key, by method and by the beginning of their keys") {
    cache c(1 << 20);
    for (const auto* key : {"n1", "n2", "m1", "m21", "m22"})
        c.insert(std::string(1, key[0]), key, reply_of(1), 1h, start);
    CHECK(c.erase("n1"));
    CHECK_FALSE(c.erase("n1"));
    CHECK(c.erase_method("m", "m2") == 2);
    CHECK(c.find("m1", start));
    CHECK(c.erase_method("m") == 1);
    CHECK(c.erase_method("m") == 0);
    CHECK(c.erase_method("unknown") == 0);
    CHECK(c.clear() == 1);
    CHECK(c.stats().entries == 0);
    CHECK(c.stats().bytes == 0);
    c.insert("m", "m1", reply_of(1), 1h, start);
    CHECK(c.find("m1", start));
}

TEST_CASE("200,000 random operations keep within the limit and agree with a simple model") {
    cache c(room_for(50, 20));
    std::mt19937 random(1);
    std::list<std::pair<std::string, cache::time_point>> model; // most recent first
    auto in_model = [&](const std::string& key) {
        return std::find_if(model.begin(), model.end(), [&](auto& e) { return e.first == key; });
    };
    auto now = start;
    std::size_t wrong = 0;
    for (int i = 0; i < 200'000; ++i) {
        const std::string key(1, static_cast<char>(random() % 128));
        const std::string method(1, static_cast<char>('a' + key[0] % 4));
        now += 1ms;
        const auto at = in_model(key);
        if (random() % 3 == 0) {
            if (at != model.end()) model.erase(at);
            c.insert(method, key, reply_of(20), 80ms, now);
            if (model.size() == 50) model.pop_back();
            model.emplace_front(key, now + 80ms);
        } else if (random() % 500 == 0) {
            c.erase_method(method);
            std::erase_if(model, [&](auto& e) { return 'a' + e.first[0] % 4 == method[0]; });
        } else {
            const bool fresh = at != model.end() && at->second > now;
            wrong += fresh != (c.find(key, now) != nullptr);
            if (fresh)
                model.splice(model.begin(), model, at);
            else if (at != model.end())
                model.erase(at);
        }
        wrong += c.stats().entries != model.size() || c.stats().bytes > c.limit();
    }
    CHECK(wrong == 0);
}

} // TEST_SUITE("cache")
