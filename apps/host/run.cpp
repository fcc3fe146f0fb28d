#include "run.hpp"

#include <csignal>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host_options.hpp"
#include "process.hpp"

namespace host {
namespace {

/// Where stdin, stdout or stderr is closed, the next socket would take its number, and what is
/// printed would be sent there.
void open_standard_streams() {
    int fd = 0;
    while ((fd = ::open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO) {
    }
    if (fd >= 0) ::close(fd);
}

/// A connection is a file descriptor, and the usual limit of 1024 is soon reached.
void allow_many_files() {
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

/// What many connections held is given back to the system as each ends, and not all at once when
/// the last of it is free, which keeps the loop for tens of milliseconds; and what many calls held
/// is put together as each ends, and not all at once when a larger buffer is wanted, which keeps it
/// for milliseconds. Who sets one of these by GLIBC_TUNABLES, or as a variable, knows better.
void tune_malloc() {
#ifdef __GLIBC__
    const struct {
        const char* tunable;
        const char* variable;
        int parameter, value;
    } all[] = {
        // The buffers of large messages, each by itself.
        {"glibc.malloc.mmap_threshold=", "MALLOC_MMAP_THRESHOLD_", M_MMAP_THRESHOLD, 256 << 10},
        {"glibc.malloc.trim_threshold=", "MALLOC_TRIM_THRESHOLD_", M_TRIM_THRESHOLD, 2 << 20},
        {"glibc.malloc.mxfast=", nullptr, M_MXFAST, 0},
    };
    const char* tunables = std::getenv("GLIBC_TUNABLES");
    for (const auto& one : all)
        if (!(one.variable && std::getenv(one.variable)) &&
            !(tunables && std::strstr(tunables, one.tunable)))
            ::mallopt(one.parameter, one.value);
#endif
}

} // namespace

int run(const request& what, plugins& known) {
    open_standard_streams();
    // What the process was given is taken before it forks, which changes its number.
    notifier tell;
    auto inherited = take_inherited_sockets();
    auto all = load(what, known);
    const auto& host = all.host;
    startup_report report;
    if (becomes_daemon(host)) {
        report = daemonize();
        tell.main_pid(::getpid());
    }
    if (host.has("rundir")) enter_rundir(host.text("rundir"));
    if (host.has("umask")) ::umask(parse_umask(host.text("umask")));
    allow_many_files();
    tune_malloc();
    std::signal(SIGPIPE, SIG_IGN); // as when nobody reads stdout any more
    process p(what, known, std::move(all), tell, std::move(inherited), std::move(report));
    return p.run();
}

} // namespace host
