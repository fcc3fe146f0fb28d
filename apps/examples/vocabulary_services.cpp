// Service, MultiService, Application.
#include "vocabulary.hpp"

// A Service: says what starting and stopping mean.
class library final : public oocrpc::component {
  public:
    using component::component;

  protected:
    awaitable<void> on_start() override {
        std::cout << name() << " opens\n";
        co_return;
    }
    awaitable<void> on_stop() override {
        co_await oocrpc::sleep_for(1s); // the last readers leave
        std::cout << name() << " closes\n";
    }
};

awaitable<void> a_day() {
    // A MultiService: starts in order, stops in reverse.
    oocrpc::component_group town("town");
    town.add<library>("old-library");
    town.add<library>("new-library");
    co_await town.start();
    std::cout << "both run: " << town.find("new-library")->running() << '\n';
    co_await town.stop();
}

awaitable<void> a_bad_day() {
    oocrpc::component_group town("town");
    // A TimerService that fails at its third call, and what is to be done then.
    int calls = 0;
    auto tick = [&]() -> awaitable<void> {
        std::cout << "tick " << ++calls << '\n';
        if (calls == 3) throw std::runtime_error("the clock is broken");
        co_return;
    };
    oocrpc::failure_policy again;
    again.action = oocrpc::on_failure::restart;
    town.add(std::make_unique<oocrpc::timer_component>("clock", 1h, tick), again);
    town.on_event = [](const oocrpc::component_event& e) {
        if (e.what == oocrpc::component_event::kind::failed)
            std::cout << e.which.name() << " failed: " << text_of(e.why) << '\n';
    };
    co_await town.start();
    co_await oocrpc::sleep_for(3h);
    co_await town.stop();
}

awaitable<void> a_life() {
    // The root: runs until SIGINT, SIGTERM or this.
    oocrpc::application program("program");
    program.add<library>("library");
    auto end_it = [&]() -> awaitable<void> {
        co_await oocrpc::sleep_for(24h);
        program.request_stop(3);
    };
    oocrpc::task_group beside(co_await oocrpc::this_coro::executor);
    beside.spawn(end_it());
    const int code = co_await program.run();
    co_await beside.join();
    std::cout << "exit code " << code << '\n';
}

int main() {
    run(a_day());
    run(a_bad_day());
    run(a_life());
}
