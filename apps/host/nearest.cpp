#include "nearest.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace host {
namespace {

/// How many letters to change, insert or remove.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        auto corner = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const auto changed = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row.back();
}

} // namespace

std::string did_you_mean(std::string_view unknown, const std::vector<std::string>& known) {
    // Further away it is another word: a third of the letters, two of a short one.
    auto least = unknown.size() < 4 ? 2 : std::max<std::size_t>(unknown.size() / 3, 2) + 1;
    const std::string* nearest = nullptr;
    for (const auto& name : known) {
        const auto d = distance(unknown, name);
        if (d >= least) continue;
        least = d;
        nearest = &name;
    }
    return nearest ? "; did you mean '" + *nearest + "'?" : std::string();
}

} // namespace host
