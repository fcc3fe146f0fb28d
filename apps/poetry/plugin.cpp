#include "plugin.hpp"

#include <oocrpc/component_group.hpp>

#include "host/exit.hpp"
#include "host/text_component.hpp"
#include "poems.hpp"

namespace poetry {
namespace {

using enum oocrpc::option_type;

constexpr oocrpc::option options[] = {
    {.name = "poem",
     .type = file,
     .help = "A file to serve; its name without extension is the poem's",
     .repeated = true,
     .required = true},
    {.name = "text",
     .type = address,
     .help = "Write the first poem to whoever connects there: nc HOST PORT",
     .repeated = true},
    {.name = "bytes",
     .type = integer,
     .help = "Tell that many bytes at a time, with --delay between them",
     .least = 1,
     .most = 1 << 30},
    {.name = "delay",
     .type = duration,
     .help = "The pause after each --bytes",
     .least = 0.001,
     .most = 1e6},
};

pace pace_of(const oocrpc::option_values& given) {
    if (given.has("bytes") && !given.has("delay"))
        throw host::failure(host::usage_error, "--bytes needs --delay");
    if (given.has("delay") && !given.has("bytes"))
        throw host::failure(host::usage_error, "--delay needs --bytes");
    return {static_cast<std::size_t>(given.integer("bytes")), given.duration("delay")};
}

std::unique_ptr<oocrpc::component> make(oocrpc::plugin_host& host) {
    const auto& given = host.options();
    std::vector<poem> read;
    for (const auto& path : given.texts("poem")) read.push_back(read_poem(path));
    const poems all(std::move(read), pace_of(given));

    auto group = std::make_unique<oocrpc::component_group>(host.name());
    int number = 0;
    for (const auto& at : given.texts("text"))
        group->add<host::text_component>("text-" + std::to_string(++number), host,
                                         oocrpc::host_port::parse(at), all.text());
    oocrpc::serve_options how;
    how.name = "server";
    group->add(host.serve(all.handler(), std::move(how)));
    return group;
}

} // namespace

const oocrpc::plugin plugin{oocrpc::plugin_abi, "poetry", "Poems, on request", options, true, make};

} // namespace poetry
