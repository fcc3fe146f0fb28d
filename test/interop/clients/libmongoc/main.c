/* libmongoc as a client of `oocrpcd demo`, for interop_test.py, which says how they talk.
 *
 * usage: libmongoc_client [CASE...]: those cases, without a word all
 *        libmongoc_client --hang: makes one call that does not end, to be killed in
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* On stderr, and without what libmongoc says about each custom stream. */
static void log_warnings(mongoc_log_level_t level, const char* domain, const char* text, void* data) {
    if (level <= MONGOC_LOG_LEVEL_WARNING) fprintf(stderr, "%s: %s\n", domain, text);
    (void)data;
}

static bool wanted(const char* name, int argc, char** argv) {
    for (int i = 1; i < argc; ++i)
        if (strcmp(argv[i], name) == 0) return true;
    return argc == 1;
}

static int run(const struct test_case* cases, int argc, char** argv) {
    int failed = 0;
    for (; cases->name; ++cases) {
        if (!wanted(cases->name, argc, argv)) continue;
        const bool ok = cases->run();
        if (ok)
            printf("ok %s\n", cases->name);
        else
            printf("not ok %s: %s\n", cases->name, why_failed());
        fflush(stdout);
        failed += !ok;
    }
    return failed;
}

int main(int argc, char** argv) {
    const char* url = getenv("OOCRPC_URL");
    mongoc_init();
    mongoc_log_set_handler(log_warnings, NULL);
    server_uri = mongoc_uri_new(url ? url : "");
    if (!server_uri) {
        fprintf(stderr, "OOCRPC_URL is not the address of a server\n");
        return 64;
    }
    mongoc_uri_set_option_as_int32(server_uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, 20000);
    mongoc_uri_set_option_as_bool(server_uri, MONGOC_URI_SERVERSELECTIONTRYONCE, false);
    client = connect_with(MONGOC_URI_CONNECTTIMEOUTMS, "20000");

    int failed = 0;
    if (argc == 2 && strcmp(argv[1], "--hang") == 0) {
        failed = !answers(client, JSON({"sleep_ms": [600000]}), "");
    } else {
        failed += run(connection_cases, argc, argv);
        failed += run(call_cases, argc, argv);
        failed += run(cancelling_cases, argc, argv);
        failed += run(cursor_cases, argc, argv);
        failed += run(write_cases, argc, argv);
    }
    mongoc_client_destroy(client);
    mongoc_uri_destroy(server_uri);
    mongoc_cleanup();
    return failed ? 1 : 0;
}
