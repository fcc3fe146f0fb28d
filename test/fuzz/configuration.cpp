// Configuration files: of one plugin (first byte `p`), of a tree (`t`), of users (`u`).

#include "fuzz.hpp"

#include <string>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <host/exit.hpp>
#include <host/host_options.hpp>
#include <host/settings.hpp>
#include <host/user_file.hpp>

namespace fuzz {
namespace {

using enum oocrpc::option_type;

/// An option of every type.
constexpr oocrpc::option all_types[] = {
    {.name = "text", .type = text, .help = "any", .choices = "a|b|c"},
    {.name = "flag", .type = flag, .help = "any"},
    {.name = "integer", .type = integer, .help = "any", .fallback = "1", .least = -5, .most = 1e6},
    {.name = "number", .type = number, .help = "any", .fallback = "1"},
    {.name = "duration", .type = duration, .help = "any", .fallback = "1s", .least = 0.001},
    {.name = "size", .type = size, .help = "any", .fallback = "1", .most = 1 << 30},
    {.name = "url", .type = url, .help = "any", .repeated = true},
    {.name = "address", .type = address, .help = "any"},
    {.name = "file", .type = file, .help = "any", .required = true},
};

std::unique_ptr<oocrpc::component> make_nothing(oocrpc::plugin_host&) {
    return nullptr;
}

constexpr oocrpc::plugin every{oocrpc::plugin_abi, "every", "Every type",
                               all_types,          true,    make_nothing};

/// A file in memory, which its owner alone may read.
class memory_file {
  public:
    memory_file() : file_(::memfd_create("fuzz", MFD_CLOEXEC)) {
        require(file_ >= 0 && ::fchmod(file_, 0600) == 0, "there are files in memory");
    }
    std::string name() const { return "/proc/self/fd/" + std::to_string(file_); }
    void write(oocrpc::bytes data) const {
        require(::ftruncate(file_, 0) == 0, "it can be emptied");
        const auto n = ::pwrite(file_, data.data(), data.size(), 0);
        require(n == static_cast<ssize_t>(data.size()), "it can be written");
    }

  private:
    int file_;
};

/// Reads every value by its type: what was accepted can be used.
void use(const oocrpc::option_values& values) {
    for (const auto& o : values.table()) {
        if (!values.has(o.name) || o.repeated) continue;
        const auto name = o.name;
        require(oocrpc::why_invalid(o, values.text(name)).empty(), "what is accepted is valid");
        if (o.type == flag) values.flag(name);
        if (o.type == integer) values.integer(name);
        if (o.type == number) values.number(name);
        if (o.type == duration) require(values.duration(name).count() >= 0, "time goes forward");
        if (o.type == size) values.size(name);
    }
    require(values.missing().empty(), "nothing that is required is missing");
}

host::request request_of(const std::string& file, const host::plugins& known, bool tree) {
    host::request r;
    r.program = "fuzz";
    r.config = file;
    r.plugin = tree ? nullptr : known.find("every");
    // Whoever may write the file may have code loaded; this program must not.
    for (const auto& o : host::host_options())
        if (o.name != "plugin-dir") r.offered.push_back(o);
    r.variables = [](const std::string&) -> const char* { return nullptr; };
    r.started_in = "/";
    return r;
}

void settings(const memory_file& file, bool tree) {
    static host::plugins known("fuzz", {&every});
    const auto request = request_of(file.name(), known, tree);
    const auto all = host::load(request, known);
    const auto again = host::load(request, known);
    use(all.host);
    require(!all.components.empty() && (tree || all.components.size() == 1), "it describes some");
    for (std::size_t i = 0; i < all.components.size(); ++i) {
        use(all.components[i].values);
        require(all.components[i].values.same_values(again.components.at(i).values),
                "twice is the same");
    }
}

void users(const memory_file& file) {
    const auto store = host::load_users(file.name());
    for (const auto& [name, user] : store.users())
        for (const auto& role : user.roles)
            require(store.roles().contains(role), "a role that is given is defined");
}

} // namespace

void configuration(oocrpc::bytes data) {
    static const memory_file file;
    if (data.empty()) return;
    const auto what = data[0];
    file.write(data.subspan(1));
    try {
        if (what == 'u') users(file);
        if (what == 't' || what == 'p') settings(file, what == 't');
    } catch (const host::failure& e) {
        const std::string_view line = e.what();
        require(e.code() == host::bad_configuration || e.code() == host::usage_error,
                "what is wrong is the configuration");
        require(!line.empty(), "and is said");
        if (e.code() == host::bad_configuration)
            require(line.starts_with(file.name() + ":"), "with the place");
    }
}

} // namespace fuzz
