#include "embedded.hpp"

#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include <oocrpc/components.hpp>

#include "poetry/poems.hpp"

namespace oocrpc::proxy {
namespace {

struct embedded_poem {
    std::string_view name, text;
};
constexpr embedded_poem embedded_poems[]{
#include "embedded_poems.inc"
};

awaitable<void> run(server on, handler with) {
    co_await on.run(std::move(with));
}

/// The client of the same build, where this program runs from its build directory.
std::string client_program() {
    std::error_code ec;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", ec);
    if (ec) return "oocrpc";
    const auto near = self.parent_path().parent_path() / "oocrpc" / "oocrpc";
    return std::filesystem::is_regular_file(near, ec) ? near.string() : "oocrpc";
}

} // namespace

embedded_poetry serve_poetry(any_io_executor executor) {
    std::vector<poetry::poem> all;
    for (const auto& p : embedded_poems) all.push_back({std::string(p.name), std::string(p.text)});
    const poetry::poems poems(std::move(all));
    auto bound = std::make_shared<std::optional<server>>(std::in_place, executor);
    const auto at = (*bound)->listen("oocrpc://127.0.0.1:0");
    auto body = [executor, bound, at, serve = poems.handler()] {
        server on(executor);
        if (*bound)
            on = *std::exchange(*bound, std::nullopt);
        else
            on.listen(at); // it is started again
        return run(std::move(on), serve);
    };
    return {std::make_unique<task_component>("embedded-poetry", std::move(body)), at.to_string()};
}

std::string commands_to_try(const std::string& url, const std::string& text) {
    const auto client = client_program();
    std::string lines = "try:\n";
    if (!text.empty()) lines += "  curl --http0.9 http://" + text + "/\n";
    lines += "  " + client + " call " + url + " poetry.get_poem\n";
    lines += "  " + client + " call " + url + " proxy.stats";
    return lines;
}

} // namespace oocrpc::proxy
