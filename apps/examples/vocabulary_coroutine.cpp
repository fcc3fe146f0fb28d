// inlineCallbacks and returnValue.
#include "vocabulary.hpp"

awaitable<std::string> find(std::string title) {
    co_await oocrpc::sleep_for(10ms);
    if (title == "Autumn") throw oocrpc::rpc_error("no_such_poem", title);
    co_return title + ", a poem";
}

awaitable<int> recite(std::vector<std::string> titles) {
    int found = 0;
    for (const auto& title : titles) {
        try {
            std::string poem = co_await find(title);
            std::cout << poem << '\n';
            ++found;
        } catch (const oocrpc::rpc_error& e) {
            std::cout << e.what() << '\n';
        }
    }
    co_return found;
}

awaitable<void> evening() {
    const std::vector<std::string> titles{"Spring", "Summer", "Autumn"};
    const int found = co_await recite(titles);
    std::cout << found << " of " << titles.size() << '\n';
}

int main() {
    run(evening());
}
