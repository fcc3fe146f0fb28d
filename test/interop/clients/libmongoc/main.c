/* libmongoc as a client of `oocrpcd demo`, for interop_test.py, which says how they talk.
 * With --hang it makes one call that does not end, to be killed in; with OOCRPC_LOGINS it tries
 * those logins instead.
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

/* Whether OOCRPC_CASES, names with commas between, has the name or is not set. */
static bool wanted(const char* name) {
    const char* names = getenv("OOCRPC_CASES");
    const size_t size = strlen(name);
    if (!names) return true;
    for (const char* at = names; (at = strstr(at, name)); ++at)
        if ((at == names || at[-1] == ',') && (at[size] == ',' || at[size] == '\0')) return true;
    return false;
}

static int run(const struct test_case* cases) {
    int failed = 0;
    for (; cases->name; ++cases) {
        if (!wanted(cases->name)) continue;
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

static int run_all(void) {
    bson_t reply;
    bson_error_t error;
    const bool there = command(client, "admin", JSON({"ping": 1}), &reply, &error);
    bson_destroy(&reply);
    if (!there) {
        printf("no server answers: %s\n", error.message);
        return 1;
    }
    return run(connection_cases) + run(call_cases) + run(cancelling_cases) + run(cursor_cases) +
           run(write_cases);
}

int main(int argc, char** argv) {
    const char* url = getenv("OOCRPC_URL");
    const bool hang = argc == 2 && strcmp(argv[1], "--hang") == 0;
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

    if (getenv("OOCRPC_LOGINS")) {
        run_logins(getenv("OOCRPC_LOGINS"));
        return 0;
    }
    const int failed = hang ? !answers(client, JSON({"sleep_ms": [600000]}), "") : run_all();
    mongoc_client_destroy(client);
    mongoc_uri_destroy(server_uri);
    mongoc_cleanup();
    return failed ? 1 : 0;
}
