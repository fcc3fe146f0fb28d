// clang-format off
// What co_await_lint.py finds (the lines that end so) and what it does not. Never compiled; those
// of the first part make g++ 12 refuse the code or the program free memory twice.

awaitable<void> examples() {
    r = co_await f(point{1, name});                                       // bad
    r = co_await f({1, name});                                            // bad
    r = co_await f(std::vector<int>{1, 2});                               // bad
    r = (co_await f(2)) + std::vector<int>{1, 2}.size();                  // bad
    r = co_await f([s = name] { return s.size(); });                      // bad
    r = co_await f([=] { return name.size(); });                          // bad
    r = co_await f(1, [&, s = name]() -> awaitable<int> { co_return 1; }); // bad
    r = co_await [s = name]() -> awaitable<int> { co_return 1; }();       // bad
    r = co_await [] { return g(); }();                                    // bad
    r = add(co_await f(3), point{1, name});                               // bad
    r = add(point{1, name}, co_await f(3));                               // bad
    point p{co_await f(3), name};                                         // bad
    r = add(2, point{co_await f(3), name});                               // bad
    std::vector<int> v{co_await f(1), 2};                                 // bad
    co_await db.call("demo.add",
                     {                                                    // bad
                         1,
                         2,
                     });
    CHECK(co_await f(1) == point{1, "x"});                                // bad
    if (auto r = co_await f({}); r > 1) co_return;                        // bad
    while (co_await items.next(limits{.bytes = 3})) use(1);               // bad
    co_return point{co_await f(1), 2};                                    // bad
    auto work = [&]() -> awaitable<void> {
        co_await f(point{1, 2}); // bad
    };
    for (auto& x : list) co_await f({x}); // bad
    switch (co_await f(1)) {
    case 1: co_await f({2}); // bad
    }
    CHECK_THROWS_AS(co_await f(json{1, 2}), rpc_error); // bad
    co_await when_all(f(1), [&] { return point{1, 2}; }, [copy] { return 1; }); // bad
}

awaitable<void> sound() {
    point p{1, "x"};
    r = co_await f(p);
    auto work = [s = name]() -> awaitable<int> {
        point q{1, s};
        co_return co_await f(q);
    };
    r = co_await work();
    r = co_await f([&] { return point{1, "x"}.a; });
    r = co_await f([this](int a) { return point{a, "x"}; });
    co_await sleep_for(std::chrono::milliseconds{5});
    co_await f(std::string{"a"});
    for (int x : {1, 2}) r += co_await f(x);
    if (point{1, 2} == p) co_await f(1);
    if (co_await f(1)) {
        use(point{1, 2});
    } else {
        use({1, 2});
    }
    use({1, 2});
    co_await f(1);
    use({1, 2});
    {
        co_await f(list[1]);
    }
    auto [a, b] = co_await f(1);
    auto& [c, d] = co_await f(array[0][co_await f(2)]);
    auto text = "co_await f({1})"; // co_await f({1})
    auto raw = R"x(co_await f({1}))x";
    co_await f(1'000'000);
    co_await f('{');
    co_await f(point{1, 2}); // lint: co_await ok
    try {
        co_await f(1);
    } catch (const rpc_error& e) {
        use(point{1, 2});
    }
    TEST_CALL(io, [&]() -> awaitable<void> { co_await f(1); }, {1, 2});
    svc.on(slow, [](context& c, int ms) -> awaitable<int> {
        co_await sleep_for(ms);
        co_return ms;
    }).on(other, {"a", "b"});
    int n = co_await db.call(add, 2, 3);
    struct local {
        int a = 0;
        awaitable<void> run() const noexcept { co_await f(a); }
        std::vector<int> values{1, 2};
    };
#if 1
    co_await f(2);
#endif
}

template <class T>
    requires std::is_same_v<T, int>
awaitable<T> constrained(T t) {
    co_return co_await f(t);
}
