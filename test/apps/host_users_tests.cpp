#include <doctest/doctest.h>

#include <filesystem>
#include <sys/stat.h>

#include <host/documents.hpp>
#include <host/user_file.hpp>

#include "host_support.hpp"

namespace scram = oocrpc::scram;
namespace fs = std::filesystem;
using host::failure;
using host::load_users;
using host::save_users;
using host::test::directory;

namespace {

constexpr auto secret = "secret = \"0123456789abcdef0123456789abcdef\"\n";
constexpr auto keys = "SCRAM-SHA-1$4096:AAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAA=:"
                      "AAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// A file of users, for its owner only.
struct file {
    explicit file(const std::string& text = "") {
        if (!text.empty()) write(text);
    }
    std::string path() const { return (in.path() / "u.toml").string(); }
    void write(const std::string& text) const {
        in.write("u.toml", text);
        mode(0600);
    }
    void mode(mode_t m) const { ::chmod(path().c_str(), m); }
    mode_t mode() const {
        struct stat is{};
        ::stat(path().c_str(), &is);
        return is.st_mode & 0777;
    }
    std::size_t neighbours() const {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(in.path()), fs::directory_iterator()));
    }

    directory in;
};

/// Without the directory, which has another name each time; the code comes first.
std::string refusal(const file& f) {
    try {
        load_users(f.path());
    } catch (const failure& e) {
        std::string line = e.what();
        const auto at = line.find(f.path());
        REQUIRE(at != line.npos);
        return std::to_string(e.code()) + " " + line.replace(at, f.path().size(), "u.toml");
    }
    return "";
}

} // namespace

TEST_SUITE("user_file") {

TEST_CASE("users, roles and credentials are what the file says") {
    const file f(std::string(secret) + "[roles]\nreader = [\"demo.*\"]\nnone = []\n" +
                 "[users.ada]\nroles = [\"reader\", \"none\"]\ncredentials = [\"" + keys + "\"]\n" +
                 "[users.\"CN=bob,O=x\"]\n");
    const auto users = load_users(f.path());
    CHECK(users.secret() == "0123456789abcdef0123456789abcdef");
    CHECK(users.roles().size() == 2);
    REQUIRE(users.users().size() == 2);
    REQUIRE(users.find("ada"));
    CHECK(users.find("ada")->roles == std::vector<std::string>{"reader", "none"});
    CHECK(users.find("ada")->credentials.front().to_string() == keys);
    CHECK(users.allows("ada", "demo.add"));
    REQUIRE(users.find("CN=bob,O=x"));
    CHECK(users.find("CN=bob,O=x")->credentials.empty());
    CHECK(load_users(file(secret).path()).users().empty());
}

TEST_CASE("what is saved is read back, whatever names have in them") {
    const file f;
    oocrpc::user_store users("a secret with \"\\\n\x7f" + std::string(32, 'x'));
    users.define("a \"role\" \\ u", {"*", "demo.*", "odd \"method\""});
    for (const char* name : {"ada", "a.b", "a\"b", "a\\b", "\u6771 \u4eac", "=", "#", "'"})
        users.add({name,
                   {"a \"role\" \\ u"},
                   {scram::credentials::parse(keys).value(),
                    scram::make_credentials(scram::mechanism::sha_256,
                                            oocrpc::secret(std::string_view("x")))}});
    users.add({"nothing"});
    save_users(f.path(), users);
    CHECK(f.mode() == 0600);
    CHECK(f.neighbours() == 1);
    const auto read = load_users(f.path());
    CHECK(read.secret() == users.secret());
    CHECK(read.roles() == users.roles());
    REQUIRE(read.users().size() == users.users().size());
    for (const auto& [name, one] : users.users()) {
        REQUIRE(read.find(name));
        CHECK(read.find(name)->roles == one.roles);
        CHECK(read.find(name)->credentials == one.credentials);
    }
}

TEST_CASE("a new store lets an admin call everything, and has a secret of its own") {
    auto users = host::new_users();
    users.add({"ada", {"admin"}});
    CHECK(users.allows("ada", "any.thing"));
    CHECK(users.secret() != host::new_users().secret());
}

TEST_CASE("a file that others can read, or the group can change, is refused") {
    const file f(secret);
    for (const mode_t m : {0604, 0602, 0601, 0644, 0660, 0620, 0777, 0666}) {
        f.mode(m);
        CHECK(refusal(f) ==
              "78 cannot read 'u.toml': others than its owner can read or change it; chmod 600 it");
    }
    for (const mode_t m : {0600, 0640, 0400, 0700}) {
        f.mode(m);
        CHECK(refusal(f).empty());
    }
}

TEST_CASE("a file that is none is refused, and not waited for") {
    const file f;
    CHECK(refusal(f) == "66 cannot read 'u.toml': No such file or directory");
    ::mkfifo(f.path().c_str(), 0600);
    CHECK(refusal(f) == "66 cannot read 'u.toml': it is no regular file");
    fs::remove(f.path());
    fs::create_directory(f.path());
    CHECK(refusal(f) == "66 cannot read 'u.toml': it is no regular file");
    fs::remove(f.path());
    f.write("x");
    fs::resize_file(f.path(), (64u << 20) + 1);
    CHECK(refusal(f) == "78 cannot read 'u.toml': it is longer than 64 MiB");
}

TEST_CASE("what is wrong in a file is said with its place and its key") {
    const std::string s = secret;
    for (const auto& [text, why] : std::vector<std::pair<std::string, std::string>>{
             {"# nothing\n", "1:1: the key 'secret' is missing"},
             {"secret = 1\n", "1:10: secret: expected a string"},
             {"secret = \"short\"\n", "1:10: secret: the secret is shorter than 32 bytes"},
             {s + "role = 1\n", "2:1: unknown key 'role'; did you mean 'roles'?"},
             {s + "roles = 1\n", "2:9: roles: expected a table"},
             {s + "roles.a = \"*\"\n", "2:11: roles.a: expected a list of strings"},
             {s + "roles.a = [1]\n", "2:12: roles.a: expected a string"},
             {s + "roles.a = [\"de*\"]\n",
              "2:11: roles.a: 'de*' is no pattern of methods, such as 'demo.add', 'demo.*', '*'"},
             {s + "users = []\n", "2:9: users: expected a table"},
             {s + "users.ada = 1\n", "2:13: users.ada: expected a table"},
             {s + "[users.ada]\nrole = []\n", "3:1: unknown key 'role'; did you mean 'roles'?"},
             {s + "[users.ada]\nroles = [\"x\"]\n", "2:1: users.ada: the role 'x' is not defined"},
             {s + "[users.ada]\nroles = \"x\"\n", "3:9: users.ada: expected a list of strings"},
             {s + "[users.ada]\ncredentials = [\"SCRAM-SHA-1$1:x$y:z\"]\n",
              "3:15: users.ada: no credentials, such as `oocrpcd user` writes"},
             {s + "[users.ada]\ncredentials = [\"" + keys + "\", \"" + keys + "\"]\n",
              "2:1: users.ada: two credentials for SCRAM-SHA-1"},
             {s + "[users.\"\"]\n", "2:1: users.: a user has no name"},
             {s + "[users.\"a\\nb\"]\n",
              "2:1: users.a\nb: the name of a user has control characters"},
         })
        CHECK(refusal(file(text)) == "78 u.toml:" + why);
    CHECK(refusal(file(s + "[users\n")).starts_with("78 u.toml:2:"));
    CHECK(refusal(file(s + "[users.ada]\n[users.ada]\n")).starts_with("78 u.toml:3:"));
}

TEST_CASE("a file that is replaced keeps its mode, and a link stays a link") {
    const file f(secret);
    f.mode(0640);
    const auto link = f.in.path() / "link.toml";
    fs::create_symlink("u.toml", link);
    auto users = load_users(link.string());
    users.add({"ada"});
    save_users(link.string(), users);
    CHECK(fs::is_symlink(link));
    CHECK(f.mode() == 0640);
    CHECK(load_users(f.path()).find("ada"));
    CHECK(f.neighbours() == 2);
    f.mode(0777);
    save_users(f.path(), users);
    CHECK(f.mode() == 0640); // others lose what they should not have had
}

TEST_CASE("where nothing can be written the reason is said") {
    const file f;
    for (const auto& path : {f.in.path() / "none" / "u.toml", fs::path("/proc/u.toml")})
        CHECK_THROWS_AS(save_users(path.string(), host::new_users()), failure);
    CHECK_THROWS_AS(host::users_lock((f.in.path() / "none" / "u.toml").string()), failure);
}

TEST_CASE("users are listed with their roles and how they can log in, in columns") {
    auto users = host::new_users();
    users.define("reader", {"demo.*"});
    users.add({"ada", {"admin", "reader"}, {scram::credentials::parse(keys).value()}});
    users.add({"CN=bob"});
    CHECK(host::list_of(users) == "CN=bob  -             -\n"
                                  "ada     admin,reader  SCRAM-SHA-1\n");
}

} // TEST_SUITE("user_file")
