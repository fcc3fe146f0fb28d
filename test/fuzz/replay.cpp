// Runs the corpus through all targets, as a test: replay CORPUS. Each target needs some.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "fuzz.hpp"

namespace fs = std::filesystem;

int main(int, char** argv) {
    int passed = 0, failed = 0;
    for (const auto& target : fuzz::targets()) {
        std::vector<fs::path> files;
        std::error_code none;
        for (const auto& file : fs::directory_iterator(fs::path(argv[1]) / target.name, none))
            files.push_back(file.path());
        std::ranges::sort(files);
        for (const auto& file : files) {
            std::ifstream in(file, std::ios::binary);
            const std::vector<std::uint8_t> data{std::istreambuf_iterator<char>(in), {}};
            std::cout << target.name << ' ' << file.filename().string() << std::endl;
            target.run(data); // ends the program where it fails
            ++passed;
        }
        if (!files.empty()) continue;
        std::cout << "no corpus for " << target.name << '\n';
        ++failed;
    }
    std::cout << passed << " passed, " << failed << " failed\n";
    return failed != 0;
}
