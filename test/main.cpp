#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <iostream>
#include <random>

// Every run has a random order of its own, and says first how to have the same one again.
int main(int argc, char** argv) {
    auto seed = static_cast<int>(std::random_device()() % 1'000'000);
    doctest::Context context;
    context.setOption("order-by", "rand");
    context.setOption("rand-seed", seed);
    context.applyCommandLine(argc, argv);
    std::cout << "order unless another is asked for: --order-by=rand --rand-seed=" << seed
              << std::endl;
    return context.run();
}
