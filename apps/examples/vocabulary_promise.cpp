// Deferred; succeed, fail and maybeDeferred; pause.
#include "vocabulary.hpp"

awaitable<void> fire_once() {
    poem_promise poem;
    oocrpc::task_group readers(co_await oocrpc::this_coro::executor);
    readers.spawn(read("Ada", poem));
    readers.spawn(read("Ben", poem));
    poem.fire("the tide comes in");
    std::cout << "fired\n";
    co_await readers.join();
    co_await read("Cleo", poem);
    try {
        poem.fire("the tide goes out");
    } catch (const oocrpc::already_fired& e) {
        std::cout << e.what() << '\n';
    }
}

void nobody_looks() {
    // The other argument says where the promise was made.
    oocrpc::on_unhandled([](std::exception_ptr e, const std::source_location&) {
        std::cout << "nobody looked at this: " << text_of(e) << '\n';
    });
    poem_promise poem;
    poem.fail(std::runtime_error("the page is torn"));
} // the last handle goes here

awaitable<void> fired_before() {
    auto there = poem_promise::resolved("I was here before you");
    co_await read("Ada", there);
    auto torn = poem_promise::failed(std::runtime_error("the page is torn"));
    co_await read("Ben", torn);
}

std::string by_heart() {
    return "the one that I know by heart";
}
awaitable<std::string> by_post() {
    co_await oocrpc::sleep_for(24h);
    co_return "the one that came by post";
}
std::string by_accident() {
    throw std::runtime_error("there is none");
}

awaitable<void> say(awaitable<std::string> poem) {
    try {
        std::string text = co_await std::move(poem);
        std::cout << text << '\n';
    } catch (const std::exception& e) {
        std::cout << "no poem: " << e.what() << '\n';
    }
}

awaitable<void> one_shape() {
    co_await say(oocrpc::as_awaitable(by_heart));
    co_await say(oocrpc::as_awaitable(by_post));
    co_await say(oocrpc::as_awaitable(by_accident));
}

awaitable<void> paused() {
    poem_promise poem;
    oocrpc::task_group readers(co_await oocrpc::this_coro::executor);
    readers.spawn(read("Ada", poem));
    poem.pause();
    poem.fire("wait for it");
    co_await oocrpc::sleep_for(1s);
    std::cout << "fired a second ago\n";
    poem.unpause();
    co_await readers.join();
}

int main() {
    run(fire_once());
    nobody_looks();
    run(fired_before());
    run(one_shape());
    run(paused());
}
