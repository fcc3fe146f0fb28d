#include "child.hpp"

#include "support/temporary.hpp"

#include <host/log.hpp>
#include <host/log_format.hpp>

#include <oocrpc/promise.hpp>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

using host::test::child;
using oocrpc::log_fields;
using oocrpc::log_level;
namespace fs = std::filesystem;

namespace {

/// 2026-11-22 03:04:05.678 UTC
const std::chrono::system_clock::time_point some_time{std::chrono::milliseconds(1795316645678)};

std::string as_text(std::string_view message, const log_fields& fields = {}) {
    return host::text_line({some_time, log_level::info, "poems", message, fields});
}

/// Without time, level and component.
std::string end_of(const std::string& line) {
    return line.substr(line.find(": ") + 2);
}

nlohmann::json as_json(std::string_view message, const log_fields& fields = {}) {
    return nlohmann::json::parse(
        host::json_line({some_time, log_level::warn, "poems", message, fields}));
}

struct place : oocrpc::test::temporary_path {
    place() { fs::create_directory(path); }
    ~place() { fs::remove_all(path); }
    host::log_options options() const {
        host::log_options how;
        how.file = file();
        return how;
    }
    std::string file() const { return path + "/x.log"; }
    static std::vector<std::string> lines(const std::string& file) {
        std::ifstream in(file);
        std::vector<std::string> all;
        for (std::string line; std::getline(in, line);) all.push_back(line);
        return all;
    }
    std::vector<std::string> lines() const { return lines(file()); }
    /// The only one.
    std::string line() const {
        const auto all = lines();
        REQUIRE(all.size() == 1);
        return all[0];
    }
};

/// No file of this process grows beyond that many bytes.
void disk_of_size(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = std::min(bytes, limit.rlim_max);
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) throw std::runtime_error("no limit");
}

} // namespace

TEST_SUITE("log") {

TEST_CASE("a line has time with milliseconds, level, component, message and fields") {
    child process([] {
        ::setenv("TZ", "UTC", 1);
        ::tzset();
        std::cerr << as_text("accepted", {{"listener", "oocrpc://127.0.0.1:9000"}, {"n", "3"}});
        return 0;
    });
    CHECK(process.status() == 0);
    CHECK(process.errors() == "2026-11-22 03:04:05.678 info poems: accepted "
                              "listener=oocrpc://127.0.0.1:9000 n=3");
}

TEST_CASE("values are quoted where they would be read as something else") {
    CHECK(end_of(as_text("m", {{"a", ""}, {"b", "x y"}, {"c", "x=y"}, {"d", "\"q\\"}})) ==
          R"(m a="" b="x y" c="x=y" d="\"q\\")");
    CHECK(end_of(as_text("m", {{"a", "诗é"}})) == "m a=诗é");
}

TEST_CASE("no text begins a line of its own, moves the cursor, or is no UTF-8") {
    CHECK(end_of(as_text("a\nb\r\t\x1b[31m\x7f")) == R"(a\nb\r\t\x1b[31m\x7f)");
    CHECK(end_of(as_text("m", {{"a", "x\n2026 info forged"}, {"b\n", "\xff"}})) ==
          R"(m a="x\n2026 info forged" b\n="\xff")");
    // C1 controls, line separators, overlong forms, surrogates, what ends too early.
    CHECK(
        end_of(as_text("\xc2\x9b|\xe2\x80\xa8|\xc0\x8a|\xed\xa0\x80|\xf0\x80\x80\x8a|\xe8\xaf")) ==
        R"(\xc2\x9b|\xe2\x80\xa8|\xc0\x8a|\xed\xa0\x80|\xf0\x80\x80\x8a|\xe8\xaf)");
    CHECK(end_of(as_text(std::string_view("a\0b", 3))) == R"(a\x00b)");
    CHECK(end_of(as_text(R"(a\nb)")) == R"(a\\nb)"); // so that the two can be told apart
    const log_fields none;
    CHECK(host::text_without_time({some_time, log_level::info, "a\nb", "m", none}) == R"(a\nb: m)");
}

TEST_CASE("in JSON an entry is one object, with the time in UTC") {
    const auto entry = as_json("a\nb", {{"key", "v"}, {"bad", "x\xff"}});
    CHECK(entry.size() == 5);
    CHECK(entry["time"] == "2026-11-22T03:04:05.678Z");
    CHECK(entry["level"] == "warn");
    CHECK(entry["component"] == "poems");
    CHECK(entry["message"] == "a\nb");
    CHECK(entry["fields"] == nlohmann::json({{"key", "v"}, {"bad", "x\uFFFD"}}));
    CHECK(as_json("m")["fields"] == nlohmann::json::object());
    const log_fields none;
    const auto line =
        host::json_line({some_time, log_level::warn, "c", "a\nb\xe2\x80\xa8\xc2\x9b\x7f", none});
    CHECK(line.find(R"("a\nb\u2028\u009b\u007f")") != std::string::npos);
    CHECK(line.starts_with(R"({"time":"2026)"));
}

TEST_CASE("a time before 1970 has its milliseconds right") {
    const log_fields none;
    const auto early = std::chrono::system_clock::time_point(std::chrono::milliseconds(-1));
    CHECK(host::json_line({early, log_level::info, "c", "m", none})
              .starts_with(R"({"time":"1969-12-31T23:59:59.999Z")"));
}

TEST_CASE("levels and formats have names, and others are refused") {
    for (const char* name : {"debug", "info", "warn", "error"})
        CHECK(host::to_string(host::log_threshold_of(name).value()) == name);
    CHECK(!host::log_threshold_of("off"));
    CHECK(host::log_format_of("json") == host::log_format::json);
    CHECK_THROWS_WITH_AS(host::log_threshold_of("loud"),
                         "'loud' is no level of the log: debug, info, warn, error or off",
                         host::failure);
    CHECK_THROWS_WITH_AS(host::log_format_of("xml"), "'xml' is no format of the log: text or json",
                         host::failure);
}

TEST_CASE("what is below the level is not written, and the level can change") {
    place at;
    host::log log(at.options());
    log.write(log_level::debug, "c", "too low");
    CHECK(!log.enabled(log_level::debug));
    log.set_level(log_level::debug);
    log.write(log_level::debug, "c", "now");
    log.set_level(host::log_threshold_of("off"));
    log.write(log_level::error, "c", "never");
    spdlog::critical("never");
    CHECK(at.line().ends_with(" debug c: now"));
}

TEST_CASE("a file is appended to and not readable by everybody") {
    place at;
    std::ofstream(at.file()) << "before\n";
    {
        host::log log(at.options());
        log.write(log_level::info, "c", "after");
    }
    REQUIRE(at.lines().size() == 2);
    CHECK(at.lines()[0] == "before");
    fs::remove(at.file());
    host::log log(at.options());
    CHECK((fs::status(at.file()).permissions() & fs::perms::others_all) == fs::perms::none);
}

TEST_CASE("without a file it goes to stderr") {
    child process([] {
        host::log log({});
        log.write(log_level::error, "c", "here", {{"a", "b"}});
        return 0;
    });
    CHECK(process.status() == 0);
    CHECK(process.errors().ends_with(" error c: here a=b\n"));
}

TEST_CASE("a file that cannot be opened is an error that names it") {
    host::log_options how;
    how.file = "/nowhere/x.log";
    CHECK_THROWS_WITH_AS(host::log{how},
                         "cannot open the log '/nowhere/x.log': No such file or directory",
                         host::failure);
}

TEST_CASE("after reopening it goes to the file of that name, as logrotate expects") {
    place at;
    host::log log(at.options());
    log.write(log_level::info, "c", "old");
    fs::rename(at.file(), at.file() + ".1");
    log.write(log_level::info, "c", "still old");
    log.reopen();
    log.write(log_level::info, "c", "new");
    CHECK(place::lines(at.file() + ".1").size() == 2);
    CHECK(at.line().ends_with("c: new"));
}

TEST_CASE("where reopening fails the old file goes on and has the reason") {
    place at;
    host::log log(at.options());
    fs::rename(at.file(), at.file() + ".1");
    fs::create_directory(at.file());
    log.reopen();
    log.write(log_level::info, "c", "goes on");
    const auto lines = place::lines(at.file() + ".1");
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].find("cannot reopen the log, the old file goes on file=" + at.file() +
                        " error=\"Is a directory\"") != std::string::npos);
    CHECK(lines[1].ends_with("goes on"));
}

TEST_CASE("what was asked for is written whatever the level is") {
    place at;
    auto how = at.options();
    how.level = host::log_threshold_of("off");
    host::log log(how);
    log.answer("dump", "task", {{"age_ms", "5"}});
    CHECK(at.line().ends_with(" info dump: task age_ms=5"));
}

TEST_CASE("lines that a full disk has taken are counted") {
    place at;
    child process([&] {
        host::log log(at.options());
        disk_of_size(0);
        log.write(log_level::info, "c", "one");
        log.write(log_level::info, "c", "two");
        disk_of_size(RLIM_INFINITY);
        log.write(log_level::info, "c", "three");
        log.write(log_level::info, "c", "four");
        return 0;
    });
    CHECK(process.status() == 0);
    const auto lines = at.lines();
    REQUIRE(lines.size() == 3);
    CHECK(lines[0].ends_with("oocrpcd: lines of the log were lost count=2"));
    CHECK(lines[1].ends_with("c: three"));
    CHECK(lines[2].ends_with("c: four"));
}

TEST_CASE("what a full disk has left of a line is a line, and the next begins its own") {
    for (const bool reopened : {false, true}) {
        place at;
        child process([&] {
            host::log log(at.options());
            disk_of_size(50);
            log.write(log_level::info, "c", "one");
            log.write(log_level::info, "c", "torn");
            log.write(log_level::info, "c", "lost");
            disk_of_size(RLIM_INFINITY);
            if (reopened) log.reopen();
            log.write(log_level::info, "c", "four");
            return 0;
        });
        CHECK(process.status() == 0);
        const auto lines = at.lines();
        REQUIRE(lines.size() == 4);
        CHECK(lines[0].ends_with("c: one"));
        CHECK(lines[0].size() + lines[1].size() + 1 == 50);
        CHECK(lines[2].ends_with("oocrpcd: lines of the log were lost count=2"));
        CHECK(lines[3].ends_with("c: four"));
    }
}

TEST_CASE("a torn line leaves no trace in another file") {
    place at;
    child process([&] {
        host::log log(at.options());
        disk_of_size(10);
        log.write(log_level::info, "c", "torn");
        disk_of_size(RLIM_INFINITY);
        fs::rename(at.file(), at.file() + ".1");
        log.reopen();
        log.write(log_level::info, "c", "next");
        return 0;
    });
    CHECK(process.status() == 0);
    REQUIRE(at.lines().size() == 2);
    CHECK(at.lines()[0].ends_with("lost count=1"));
}

TEST_CASE("a symbolic link is not followed, neither at first nor when it is opened again") {
    place at;
    const auto target = at.path + "/target";
    std::ofstream(target) << "root's\n";
    fs::create_symlink(target, at.file());
    CHECK_THROWS_WITH_AS(host::log{at.options()},
                         ("cannot open the log '" + at.file() + "': it is a symbolic link").c_str(),
                         host::failure);
    fs::remove(at.file());
    host::log log(at.options());
    fs::rename(at.file(), at.file() + ".1");
    fs::create_symlink(target, at.file());
    log.reopen();
    log.write(log_level::info, "c", "goes on");
    CHECK(place::lines(target).size() == 1);
    const auto lines = place::lines(at.file() + ".1");
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].find("error=\"it is a symbolic link\"") != std::string::npos);
}

TEST_CASE("root opens only a file of its own or of the user that it becomes") {
    if (::geteuid() != 0) {
        MESSAGE("skipped: only root has files of others");
        return;
    }
    place at;
    std::ofstream(at.file()) << "";
    const auto opened_by_root = [&](uid_t owner, std::optional<uid_t> user) {
        if (::chown(at.file().c_str(), owner, 0) != 0) return std::string("no chown");
        auto how = at.options();
        how.user = user;
        try {
            host::log log(how);
        } catch (const host::failure& e) {
            return std::string(e.what());
        }
        return std::string();
    };
    const auto others = "cannot open the log '" + at.file() + "': it belongs to somebody else";
    CHECK(opened_by_root(0, {}).empty());
    CHECK(opened_by_root(0, 1234).empty());
    CHECK(opened_by_root(1234, 1234).empty());
    CHECK(opened_by_root(1234, {}) == others);
    CHECK(opened_by_root(1234, 1235) == others);
}

TEST_CASE("what root has made is opened again by whom it becomes; what was there stays root's") {
    if (::geteuid() != 0) {
        MESSAGE("skipped: only root can become somebody else");
        return;
    }
    for (const bool there : {false, true}) {
        place at;
        fs::permissions(at.path, fs::perms(0711));
        if (there) std::ofstream(at.file()) << "";
        child process([&] {
            auto how = at.options();
            how.user = 1234;
            host::log log(how);
            log.give_to(1234, 1235);
            if (::setresuid(1234, 1234, 1234) != 0) return 10;
            log.reopen();
            log.write(log_level::info, "c", "opened");
            return 0;
        });
        CHECK(process.status() == 0);
        struct stat found{};
        REQUIRE(::stat(at.file().c_str(), &found) == 0);
        CHECK(found.st_uid == (there ? 0 : 1234));
        CHECK(found.st_gid == (there ? 0 : 1235));
        CHECK(at.lines().size() == (there ? 2 : 1));
    }
}

TEST_CASE("syslog gets the text without time and level, which it has itself") {
    if (::geteuid() != 0) {
        MESSAGE("skipped: only root can have a /dev/log of its own");
        return;
    }
    place at;
    fs::create_directory(at.path + "/dev");
    child process([&] {
        const int daemon = ::socket(AF_UNIX, SOCK_DGRAM, 0);
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        const auto path = at.path + "/dev/log";
        std::memcpy(name.sun_path, path.data(), path.size());
        if (::bind(daemon, reinterpret_cast<sockaddr*>(&name), sizeof(name)) != 0) return 1;
        if (::chroot(at.path.c_str()) != 0) return 2;
        host::log_options how;
        how.to_syslog = true;
        host::log log(how);
        log.write(log_level::warn, "poems", "a\n%s", {{"b", "c d"}});
        char text[256];
        const auto n = ::recv(daemon, text, sizeof(text), 0);
        std::cerr << std::string(text, n > 0 ? static_cast<std::size_t>(n) : 0) << "\n";
        return 0;
    });
    CHECK(process.status() == 0);
    const auto said = process.errors();
    CHECK(said.starts_with("<28>")); // daemon.warning
    CHECK(said.find(" oocrpcd[" + std::to_string(process.pid()) + "]: poems: a\\n%s b=\"c d\"\n") !=
          std::string::npos);
}

TEST_CASE("what is said to spdlog takes the same way, in the program's name") {
    place at;
    auto how = at.options();
    how.format = host::log_format::json;
    host::log log(how);
    spdlog::warn("text port: {}\nx", 5);
    spdlog::debug("too low");
    const auto entry = nlohmann::json::parse(at.line());
    CHECK(entry["level"] == "warn");
    CHECK(entry["component"] == "oocrpcd");
    CHECK(entry["message"] == "text port: 5\nx");
}

TEST_CASE("an error that nobody received is logged with the place where it was made") {
    place at;
    host::log log(at.options());
    {
        oocrpc::promise<int> lost;
        lost.fail(std::runtime_error("nobody cares"));
    }
    const auto line = at.line();
    CHECK(line.find(" error oocrpcd: an error that nobody received error=\"nobody cares\" made=") !=
          std::string::npos);
    CHECK(line.find("log_tests.cpp:") != std::string::npos);
}

TEST_CASE("lines from several threads stay whole, also while the file is reopened") {
    place at;
    host::log log(at.options());
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&log] {
                for (int i = 0; i < 200; ++i)
                    log.write(log_level::info, "c", std::string(300, 'x'), {{"end", "1"}});
            });
        for (int i = 0; i < 20; ++i) log.reopen();
    }
    const auto lines = at.lines();
    CHECK(lines.size() == 800);
    const auto whole = " info c: " + std::string(300, 'x') + " end=1";
    CHECK(std::all_of(lines.begin(), lines.end(), [&](const std::string& line) {
        return line.ends_with(whole) && line.size() == whole.size() + 23;
    }));
}

} // TEST_SUITE("log")
