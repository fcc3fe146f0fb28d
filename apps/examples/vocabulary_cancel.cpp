// cancel, and the canceller.
#include "vocabulary.hpp"

awaitable<void> no_canceller() {
    poem_promise poem;
    poem.cancel();
    co_await read("Ada", poem);
    poem.fire("too late"); // whoever fires cannot know: this is dropped, once
}

awaitable<void> cancellers() {
    poem_promise stopped([](poem_promise&) { std::cout << "the printing press stops\n"; });
    stopped.cancel();
    co_await read("Ada", stopped);
    poem_promise replaced([](poem_promise& self) { self.fire("take this sketch"); });
    replaced.cancel();
    co_await read("Ben", replaced);
}

awaitable<void> nobody_waits() {
    poem_promise poem([](poem_promise&) { std::cout << "the printing press stops\n"; });
    oocrpc::task_group ada(co_await oocrpc::this_coro::executor);
    oocrpc::task_group ben(co_await oocrpc::this_coro::executor);
    ada.spawn(read("Ada", poem));
    ben.spawn(read("Ben", poem));
    ada.cancel();
    co_await ada.join();
    std::cout << "Ben still waits\n";
    ben.cancel();
    co_await ben.join();
}

awaitable<void> doze() {
    try {
        co_await oocrpc::sleep_for(1h);
    } catch (const oocrpc::rpc_error& e) {
        std::cout << "woken up: " << e.what() << '\n';
        throw;
    }
}
awaitable<void> write_poem() {
    co_await doze();
    std::cout << "this is never said\n";
}

awaitable<void> to_the_bottom() {
    oocrpc::task_group poets(co_await oocrpc::this_coro::executor);
    poets.spawn(write_poem());
    poets.cancel();
    co_await poets.join();
    std::cout << poets.size() << " poets left\n";
}

int main() {
    run(no_canceller());
    run(cancellers());
    run(nobody_waits());
    run(to_the_bottom());
}
