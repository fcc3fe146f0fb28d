#pragma once

#include "vocabulary.hpp"

// Somebody who waits for a poem.
inline awaitable<void> read(std::string name, poem_promise poem) {
    try {
        std::string text = co_await poem.wait();
        std::cout << name << " reads: " << text << '\n';
    } catch (const std::exception& e) {
        std::cout << name << " gets no poem: " << e.what() << '\n';
    }
}
