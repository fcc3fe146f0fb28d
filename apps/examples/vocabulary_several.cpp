// DeferredList with its flags, and gatherResults.
#include "vocabulary.hpp"

std::vector<awaitable<std::string>> downloads() {
    std::vector<awaitable<std::string>> all;
    all.push_back(poem_from("broken", 1s));
    all.push_back(poem_from("near", 2s));
    all.push_back(poem_from("far", 3s));
    return all;
}

awaitable<void> all_of_them() {
    auto results = co_await oocrpc::when_all(downloads());
    for (auto& r : results) std::cout << (r ? r.value() : text_of(r.error())) << '\n';
}

awaitable<void> all_or_nothing() {
    auto [poem, copies] =
        co_await oocrpc::gather(poem_from("near", 2s), oocrpc::as_awaitable([] { return 7; }));
    std::cout << copies << " copies of " << poem << '\n';
    try {
        co_await oocrpc::gather(downloads());
    } catch (const oocrpc::first_error& e) {
        std::cout << "number " << e.index() << ": " << text_of(e.cause()) << '\n';
    }
}

awaitable<void> one_success() {
    auto first = co_await oocrpc::when_any(downloads());
    std::cout << "number " << first.index << ": " << first.value << '\n';
}

awaitable<void> one_end() {
    auto first = co_await oocrpc::when_first(downloads());
    std::cout << "number " << first.index << (first.value ? " succeeded\n" : " failed\n");
}

int main() {
    run(all_of_them());
    run(all_or_nothing());
    run(one_success());
    run(one_end());
}
