// addTimeout; callLater and Clock.
#include "vocabulary.hpp"

awaitable<void> in_time() {
    try {
        co_await oocrpc::with_deadline(2s, poem_from("far", 3s));
    } catch (const oocrpc::rpc_error& e) {
        std::cout << e.what() << '\n';
    }
}

awaitable<void> a_year() {
    auto& clock = oocrpc::clock::of(co_await oocrpc::this_coro::executor);
    const auto begun = clock.now();
    co_await oocrpc::sleep_for(24h * 365);
    std::cout << "slept for " << (clock.now() - begun) / 24h << " days\n";
}

int main() {
    run(in_time());
    run(a_year());
}
