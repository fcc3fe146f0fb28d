#include "support/test.hpp"

#include <oocrpc/error.hpp>
#include <oocrpc/url.hpp>

#include "../lib/protocols.hpp"

using namespace oocrpc;
using namespace std::chrono_literals;

namespace {
std::string refusal(std::string_view text) {
    try {
        url::parse(text);
    } catch (const rpc_error& e) {
        CHECK(e.code() == errc::invalid_argument);
        return e.detail();
    }
    return "";
}
} // namespace

TEST_SUITE("url") {

TEST_CASE("a URL is read and written back as it was") {
    for (auto* text : {"oocrpc://127.0.0.1:9001", "oocrpc://localhost:0", "oocrpc://[::1]:65535",
                       "oocrpcs://a:1", "oocrpc+unix:///tmp/a b.sock"})
        CHECK(url::parse(text).to_string() == text);
    const auto u = url::parse("oocrpc://[::1]:80/");
    CHECK(u.host == "::1");
    CHECK(u.port == 80);
    CHECK(u.via == url::transport::tcp);
    CHECK(url::parse("oocrpc+unix:///tmp/s").path == "/tmp/s");
    CHECK(url::parse("oocrpc+unix:///tmp/s").via == url::transport::unix_socket);
}

TEST_CASE("what is wrong with a URL is said together with the URL") {
    CHECK(refusal("127.0.0.1:9001") == "'127.0.0.1:9001': not a URL (oocrpc://host:port or "
                                       "oocrpc+unix:///path is expected)");
    CHECK(refusal("http://a:1") ==
          "'http://a:1': unknown scheme 'http' (oocrpc, oocrpcs, oocrpc+unix, mongodb)");
    CHECK(refusal("oocrpc://a") == "'oocrpc://a': a port is missing (host:port)");
    CHECK(refusal("oocrpc://:1") == "'oocrpc://:1': the host is missing");
    CHECK(refusal("oocrpc://[]:1") == "'oocrpc://[]:1': the host is missing");
    CHECK(refusal("oocrpc://::1:1") == "'oocrpc://::1:1': an IPv6 address needs brackets");
    CHECK(refusal("oocrpc://[::1:1") == "'oocrpc://[::1:1': '[' without ']'");
    CHECK(refusal("oocrpc://[::1]x:1") == "'oocrpc://[::1]x:1': text between ']' and the port");
    CHECK(refusal("oocrpc://a:1/b") == "'oocrpc://a:1/b': a path has no meaning here");
    for (auto* text : {"oocrpc://a:", "oocrpc://a:x", "oocrpc://a:65536", "oocrpc://a:-1"})
        CHECK(refusal(text).ends_with("the port is not a number from 0 to 65535"));
    CHECK(refusal("oocrpc+unix://tmp/s").ends_with("the path of a Unix socket must be absolute"));
    const std::string longest(107, 'x');
    CHECK(refusal("oocrpc+unix:///" + longest).ends_with("is limited to 107 bytes"));
}

TEST_CASE("host and port stand alone, too") {
    CHECK(host_port::parse("[::1]:80").host == "::1");
    CHECK(host_port::parse("localhost:80").port == 80);
    CHECK_THROWS_AS(host_port::parse("localhost"), rpc_error);
}

TEST_CASE("a MongoDB URI is read and written back so that it reads the same") {
    for (auto* text : {"mongodb://127.0.0.1:27017", "mongodb://a:1,b:2,[::1]:3",
                       "mongodb://a:1/demo", "mongodb://a:1/?appName=x&directConnection=true",
                       "mongodb://a:1/demo?appName=%C3%A9%26%3D", "mongodb://%2Ftmp%2Fx.sock",
                       "mongodb://%2Ftmp%2Fx.sock/demo?w=1", "mongodb://[fe80::1%25eth0]:1"})
        CHECK(url::parse(text).to_string() == text);
    const auto u = url::parse("mongodb://a,[::1]:80,%62?compressors=zlib&appName=%C3%A9");
    CHECK(u.protocol == "mongodb");
    CHECK(u.host == "a");
    CHECK(u.port == 27017);
    REQUIRE(u.others.size() == 2);
    CHECK(u.others[0] == host_port{"::1", 80});
    CHECK(u.others[1] == host_port{"b", 27017});
    CHECK(u.database == "");
    REQUIRE(u.options.size() == 2);
    CHECK(u.options[0].first == "compressors");
    CHECK(u.options[1].second == "\u00e9");
    CHECK(url::parse(u.to_string()) == u);
    CHECK(url::parse("mongodb://a/").database == "");
    CHECK(url::parse("mongodb://a/de%6Do").database == "demo");
    const auto s = url::parse("mongodb://%2ftmp%2Fa%20b.sock/demo");
    CHECK(s.via == url::transport::unix_socket);
    CHECK(s.path == "/tmp/a b.sock");
    CHECK(s.database == "demo");
}

TEST_CASE("what is wrong with a MongoDB URI is said, without a password") {
    CHECK(refusal("mongodb://") == "'mongodb://': a host is missing");
    CHECK(refusal("mongodb://a,,b") == "'mongodb://a,,b': a host is missing");
    CHECK(refusal("mongodb://:1") == "'mongodb://:1': a host is missing");
    CHECK(refusal("mongodb://me:secret@a:x/y") ==
          "'mongodb://***@a:x/y': the port is not a number from 0 to 65535");
    CHECK(refusal("mongodb://me:se/cret@a").starts_with("'mongodb://***@a': special characters"));
    CHECK(refusal("mongodb://me:se?cr@et@a").find("cr") == std::string::npos);
    CHECK(refusal("mongodb://a:x/?proxyPassword=secret&tlsCertificateKeyFile%50assword=s2&w=1") ==
          "'mongodb://a:x/?proxyPassword=***&tlsCertificateKeyFile%50assword=***&w=1': "
          "the port is not a number from 0 to 65535");
    CHECK(refusal("mongodb+srv://a.b.c/").find("(mongodb+srv) are not supported") !=
          std::string::npos);
    for (auto* text : {"mongodb://a:", "mongodb://a:x", "mongodb://a:65536", "mongodb://a:-1"})
        CHECK(refusal(text).ends_with("the port is not a number from 0 to 65535"));
    CHECK(refusal("mongodb://::1").ends_with("an IPv6 address needs brackets"));
    CHECK(refusal("mongodb://[::1").ends_with("'[' without ']'"));
    CHECK(refusal("mongodb://[::1]x").ends_with("text between ']' and the port"));
    CHECK(refusal("mongodb://%2Ftmp%2Fx:1").ends_with("a Unix socket has no port"));
    CHECK(refusal("mongodb://a,%2Ftmp%2Fx").ends_with("stands alone, without other hosts"));
    CHECK(refusal("mongodb://%2Ftmp%2Fx,a").ends_with("stands alone, without other hosts"));
    CHECK(refusal("mongodb:///tmp/x.sock").ends_with("a host is missing"));
    CHECK(refusal("mongodb://a/tmp/x").find("with '%2F' in place of '/'") != std::string::npos);
    CHECK(refusal("mongodb://a/x.y").ends_with("'x.y' cannot be the name of a database"));
    CHECK(refusal("mongodb://a%4").ends_with("'%' is not followed by two hexadecimal digits"));
    CHECK(refusal("mongodb://a%+1").ends_with("'%' is not followed by two hexadecimal digits"));
    CHECK(refusal("mongodb://a%00").ends_with("'%00' has no meaning in a URL"));
    CHECK(refusal("mongodb://a/?x").ends_with("'x' is not an option, NAME=VALUE"));
    CHECK(refusal("mongodb://a/?=x").ends_with("'=x' is not an option, NAME=VALUE"));
    CHECK(refusal("mongodb://a/?w=1&&w=2").ends_with("'' is not an option, NAME=VALUE"));
    CHECK(refusal("oocrpc://a:1?w=1") != "");
}

TEST_CASE("a user is read, percent-decoded, and written back") {
    for (auto* text : {"oocrpc://me@a:1", "oocrpc://%40l%3Ace%2F%3D@[::1]:1",
                       "oocrpc+unix://me@/tmp/a@b.sock", "mongodb://me@a:1,b:2/demo?w=1",
                       "mongodb://CN%3Dann%2CO%3Dpoets@a:1", "mongodb://me@%2Ftmp%2Fx.sock"})
        CHECK(url::parse(text).to_string() == text);
    CHECK(url::parse("oocrpc://%40l%3Ace@a:1").user == "@l:ce");
    CHECK(url::parse("oocrpc+unix://me@/tmp/a@b").user == "me");
    CHECK(url::parse("oocrpc+unix://me@/tmp/a@b").path == "/tmp/a@b");
    CHECK(url::parse("oocrpc+unix:///tmp/a@b").user == "");
    for (auto* text :
         {"oocrpc://@a:1", "oocrpc+unix://@/a", "mongodb://@a", "mongodb://:@a", "mongodb://:x@a"})
        CHECK(refusal(text).ends_with("the user is missing"));
    for (auto* text : {"oocrpc://a%4@a:1", "oocrpc://a%00@a:1", "oocrpc://a@b@a:1"})
        CHECK(refusal(text).find("special characters of a user are written as") !=
              std::string::npos);
    CHECK(refusal("oocrpc://me@") == "'oocrpc://***@': a port is missing (host:port)");
    CHECK(refusal("oocrpc+unix://me@tmp").ends_with("must be absolute"));
}

TEST_CASE("a password stands in a MongoDB URI alone, and is never shown") {
    const auto u = url::parse("mongodb://alice:f%3Azzb%40z%2Fz%3D@a,b/db?proxyPassword=secret&w=1");
    CHECK(u.user == "alice");
    CHECK(u.password == "f:zzb@z/z=");
    CHECK(u.host == "a");
    CHECK(u.others.size() == 1);
    CHECK(u.to_string() == "mongodb://alice@a:27017,b:27017/db?w=1");
    const auto plain = url::parse("mongodb://!$&'()*+,;=:!$&'()*+,;=@127.0.0.1/admin");
    CHECK(plain.user == "!$&'()*+,;=");
    CHECK(plain.password == "!$&'()*+,;=");
    CHECK(plain.host == "127.0.0.1");
    CHECK(url::parse("mongodb://alice:@a").password == "");
    CHECK(url::parse("mongodb://alice:x@a/admin?appName=my@app").user == "alice");
    for (auto* text :
         {"mongodb://alice:foo:bar@a", "mongodb://alice@@a", "mongodb://alice@foo:bar@a",
          "mongodb://alice/@a/db", "mongodb://alice/bob:foo@a/db", "mongodb://alice:foo/bar@a/db",
          "mongodb://al[i]ce:x@a", "mongodb://alice:fo#o@a"})
        CHECK(refusal(text).find("special characters of user and password") != std::string::npos);
    for (auto* text : {"mongodb://alice:foo%@a", "mongodb://alice:fo%xo@a", "mongodb://al%1:x@a"})
        CHECK(refusal(text).ends_with("'%' is not followed by two hexadecimal digits"));
    for (auto* text :
         {"oocrpc://me:secret@a:1", "oocrpc+unix://me:secret@/a", "oocrpc://me:@a:1"}) {
        CHECK(refusal(text).find("--password-file FILE") != std::string::npos);
        CHECK(refusal(text).find("secret") == std::string::npos);
    }
    for (auto* text : {"http://me:secret@a", "me:secret@a", "mongodb+srv://me:secret@a"})
        CHECK(refusal(text).find("secret") == std::string::npos);
}

TEST_CASE("the options of a MongoDB URI reach the client, or are refused by name") {
    const auto with = [](std::string_view options) {
        return protocols::options_for(url::parse("mongodb://a,b/?" + std::string(options)), {});
    };
    const auto all = with("maxPoolSize=7&CONNECTTIMEOUTMS=200&socketTimeoutMS=300&timeoutMS=400");
    CHECK(all.connections == 7);
    CHECK(all.connect_timeout == 200ms);
    CHECK(all.default_timeout == 400ms);
    CHECK(with("socketTimeoutMS=300").default_timeout == 300ms);
    CHECK(with("serverSelectionTimeoutMS=300").connect_timeout == 300ms);
    CHECK(with("connectTimeoutMS=0").connect_timeout > 1h);
    CHECK(with("").connections == client_options().connections);
    for (auto* fine :
         {"appName=x", "compressors=zlib,snappy,zstd", "zlibCompressionLevel=-1", "w=majority",
          "w=1&journal=false&wtimeoutMS=0", "readPreference=primaryPreferred", "retryReads=true",
          "retryWrites=false", "tls=false", "ssl=false", "maxIdleTimeMS=1", "minPoolSize=0",
          "heartbeatFrequencyMS=10000", "directConnection=false", "loadBalanced=false"})
        CHECK_NOTHROW(with(fine));
    const auto refused = [&](std::string_view options) {
        try {
            with(options);
        } catch (const rpc_error& e) {
            CHECK(e.code() == errc::invalid_argument);
            return e.detail();
        }
        return std::string();
    };
    CHECK(refused("tlsCAFile=x") == "the option tlsCAFile: it has no meaning without tls=true");
    CHECK(refused("tls=yes") == "the option tls=yes: true or false is expected");
    CHECK(refused("replicaSet=rs0").starts_with("the option replicaSet: "));
    CHECK(refused("loadBalanced=true").starts_with("the option loadBalanced=true: "));
    CHECK(refused("directConnection=true") ==
          "the option directConnection=true: the URL names several hosts");
    CHECK(refused("authSource=") == "the option authSource=: the name of a database is expected");
    CHECK(refused("authMechanism=MONGODB-CR") ==
          "the option authMechanism=MONGODB-CR: SCRAM-SHA-256, SCRAM-SHA-1, PLAIN or MONGODB-X509 "
          "is expected");
    CHECK(refused("authMechanismProperties=SERVICE_NAME:x") ==
          "the option authMechanismProperties: no mechanism here has properties");
    CHECK(refused("proxyPassword=%FF").find("***: it is not UTF-8") != std::string::npos);
    CHECK(refused("proxyPassword=secret") == "the option proxyPassword: proxies are not supported");
    CHECK(refused("colour=red") == "the option colour: there is no such option");
    CHECK(refused("appName=x&APPNAME=y") == "the option APPNAME=y: it is given twice");
    CHECK(refused("compressors=lzma") ==
          "the option compressors=lzma: 'lzma' is none of zlib, snappy, zstd");
    CHECK(refused("zlibCompressionLevel=10").ends_with("a number from -1 to 9 is expected"));
    CHECK(refused("maxPoolSize=0").ends_with("a pool without a limit is not supported"));
    CHECK(refused("timeoutMS=-1").ends_with("a number from 0 to 2147483647 is expected"));
    CHECK(refused("readPreference=nearest") != "");
    CHECK(refused("appName=%FF").ends_with(": it is not UTF-8"));
    CHECK(refused("appName=" + std::string(129, 'x')) != "");
}

TEST_CASE("a URL says whether the connection is encrypted, and so does what it is written as") {
    CHECK(url::parse("oocrpcs://a:1").tls);
    CHECK(url::parse("oocrpcs://a:1").protocol == "oocrpc");
    CHECK_FALSE(url::parse("oocrpc://a:1").tls);
    for (auto* text : {"mongodb://a:1/?tls=true", "mongodb://a:1,b:2/db?w=1&SSL=true"}) {
        const auto u = url::parse(text);
        CHECK(u.tls);
        CHECK(url::parse(u.to_string()) == u);
    }
    CHECK_FALSE(url::parse("mongodb://a/?tls=false").tls);
    auto one = url::parse("mongodb://a:1/?tls=true");
    one.options.clear(); // as errors name the address of one of several hosts
    CHECK(one.to_string() == "mongodb://a:1/?tls=true");
    CHECK(url::parse("mongodb://a:1/?tls=true&tlsCertificateKeyFilePassword=secret").to_string() ==
          "mongodb://a:1/?tls=true");
    CHECK(refusal("mongodb://%2Ftmp%2Fs/?tls=true").ends_with("a Unix socket takes no TLS"));
}

TEST_CASE("what a MongoDB URI says of TLS comes before the client's options") {
    const auto with = [](std::string_view options) {
        client_options given;
        given.tls.ca = "own.pem";
        given.tls.key = "own.key";
        return protocols::options_for(url::parse("mongodb://a/?" + std::string(options)), given)
            .tls;
    };
    const auto refused = [&](std::string_view options) {
        try {
            with(options);
        } catch (const rpc_error& e) {
            return e.detail();
        }
        return std::string();
    };
    CHECK(with("tls=true").ca == "own.pem");
    CHECK(with("ssl=true&tls=true&tlsCAFile=x.pem").ca == "x.pem");
    const auto own =
        with("tls=true&tlsCertificateKeyFile=k.pem&tlsCertificateKeyFilePassword=a%26b");
    CHECK(own.certificate == "k.pem");
    CHECK(own.key.empty()); // it is in the same file
    CHECK(own.key_password == "a&b");
    CHECK(with("tls=true&tlsAllowInvalidCertificates=true").allow_invalid_certificates);
    CHECK_FALSE(with("tls=true&tlsAllowInvalidCertificates=true").allow_invalid_hostnames);
    CHECK(with("tls=true&tlsAllowInvalidHostnames=true").allow_invalid_hostnames);
    CHECK(with("tls=true&tlsInsecure=true").allow_invalid_certificates);
    CHECK(with("tls=true&tlsInsecure=true").allow_invalid_hostnames);
    CHECK_FALSE(with("tls=true&tlsInsecure=false").allow_invalid_certificates);
    CHECK_NOTHROW(with("tls=true&tlsDisableOCSPEndpointCheck=true"));
    CHECK_NOTHROW(with("tls=false&ssl=false"));
    CHECK(refused("tls=true&ssl=false") ==
          "the option ssl=false: tls and ssl contradict each other");
    CHECK(refused("ssl=false&tls=true") ==
          "the option ssl=false: tls and ssl contradict each other");
    // The pairs that the specification of the options forbids, whatever their values.
    const std::string tls = "tls=true&", no_ocsp = "tlsDisableOCSPEndpointCheck=false",
                      no_check = "tlsDisableCertificateRevocationCheck=false",
                      insecure = "tlsInsecure=false", any = "tlsAllowInvalidCertificates=false",
                      any_host = "tlsAllowInvalidHostnames=false";
    for (const auto& [a, b] : std::vector<std::pair<std::string, std::string>>{{insecure, any},
                                                                               {insecure, any_host},
                                                                               {insecure, no_ocsp},
                                                                               {insecure, no_check},
                                                                               {any, no_ocsp},
                                                                               {any, no_check},
                                                                               {no_ocsp, no_check}})
        for (const auto& both : {tls + a + "&" + b, tls + b + "&" + a})
            CHECK(refused(both).find("it stands beside tls") != std::string::npos);
    CHECK(refused("tls=true&tlsInsecure=1").ends_with("true or false is expected"));
    CHECK(refused("tls=true&tlsCAFile=") == "the option tlsCAFile: it is empty");
    CHECK(refused("tlsInsecure=true") ==
          "the option tlsInsecure: it has no meaning without tls=true");
    CHECK(refused("tls=true&tlsPin=x") == "the option tlsPin: there is no such option");
}

} // TEST_SUITE("url")
