#include "command.hpp"

#include <CLI/CLI.hpp>

#include "host/host.hpp"
#include "host/validators.hpp"
#include "poems.hpp"

namespace poetry {
namespace {

struct poetry_options {
    host::options host;
    std::vector<std::string> poems;
    std::vector<std::string> text;
    std::size_t bytes = 0;
    double delay = 0;
};

int run(const poetry_options& how) {
    return host::run(how.host, [&](host::loop& loop) {
        std::vector<poem> read;
        for (const auto& path : how.poems) read.push_back(read_poem(path));
        poems all(std::move(read), pace{how.bytes, host::to_ms(how.delay)});
        host::text_options options;
        options.drain_timeout = how.host.server.drain_timeout;
        for (const auto& at : how.text) {
            const auto where = oocrpc::host_port::parse(at);
            host::text_server port(loop.executor(), where, all.text(), options);
            loop.beside(port.run(), port.address());
        }
        return all.handler();
    });
}

} // namespace

void add_command(CLI::App& command, host::command& chosen) {
    auto how = std::make_shared<poetry_options>();
    how->host.name = "oocrpcd poetry";
    host::add_options(command, how->host);
    command.get_option("--listen")->required();
    command.add_option("--poem", how->poems, "A file; its name without extension is the poem's")
        ->type_name("FILE")
        ->required();
    command
        .add_option("--text", how->text,
                    "Write the first poem to whoever connects there: nc HOST PORT")
        ->type_name("HOST:PORT")
        ->check(host::is_host_port());
    auto* bytes = command.add_option("--bytes", how->bytes, "Tell that many bytes at a time, ...")
                      ->type_name("N")
                      ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 30));
    auto* delay = command.add_option("--delay", how->delay, "... every so many seconds")
                      ->type_name("SECONDS")
                      ->check(CLI::Range(0.001, 1e6));
    bytes->needs(delay);
    delay->needs(bytes);
    command.callback([how, &chosen] { chosen = [how] { return run(*how); }; });
}

} // namespace poetry
