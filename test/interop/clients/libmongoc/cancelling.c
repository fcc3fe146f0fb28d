/* Deadlines, hanging up, killOp: how a call ends early. */
#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool deadline(void) {
    const int64_t before = figure("cancelled"), start = bson_get_monotonic_time();
    TRY(fails(client, JSON({"sleep_ms": [600000], "maxTimeMS": 100}), 50, NULL));
    const int64_t took = bson_get_monotonic_time() - start;
    CHECK(took >= 100000 && took < 20000000);
    TRY(figure_becomes("cancelled", before + 1));
    return answers(client, JSON({"sleep_ms": [1], "maxTimeMS": 60000}),
                   "{ \"reply\" : 1, \"ok\" : 1.0 }");
}

/* By a timeout of the socket, and by a process that is killed. */
static bool cancel_by_closing(void) {
    const int64_t before = figure("cancelled");
    bson_t reply;
    bson_error_t error;
    mongoc_client_t* impatient = connect_with(MONGOC_URI_SOCKETTIMEOUTMS, "200");
    CHECK(!command(impatient, "demo", JSON({"sleep_ms": [600000]}), &reply, &error));
    CHECK(error.domain == MONGOC_ERROR_STREAM);
    bson_destroy(&reply);
    TRY(figure_becomes("cancelled", before + 1));
    mongoc_client_destroy(impatient);

    const pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "libmongoc_client", "--hang", (char*)NULL);
        _exit(70);
    }
    TRY(figure_becomes("in_flight", 2));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    TRY(figure_becomes("cancelled", before + 2));
    return figure_becomes("in_flight", 1);
}

static void* sleep_until_killed(void* unused) {
    mongoc_client_t* mine = mongoc_client_new_from_uri(server_uri);
    mongoc_client_set_error_api(mine, MONGOC_ERROR_API_VERSION_2);
    const bool ok = fails(mine, JSON({"sleep_ms": [600000]}), 11601, NULL);
    mongoc_client_destroy(mine);
    return ok ? unused : mine;
}

/* The opid of the call of demo.sleep_ms that currentOp lists, or -1. */
static int64_t listed_op(void) {
    bson_t reply;
    bson_error_t error;
    bson_iter_t i, op;
    int64_t found = -1;
    if (command(client, "admin", JSON({"currentOp": 1}), &reply, &error) &&
        bson_iter_init_find(&i, &reply, "inprog") && bson_iter_recurse(&i, &op)) {
        while (bson_iter_next(&op)) {
            bson_t entry;
            const uint8_t* data;
            uint32_t size;
            bson_iter_document(&op, &size, &data);
            bson_init_static(&entry, data, size);
            char* text = bson_as_relaxed_extended_json(&entry, NULL);
            if (strstr(text, "sleep_ms")) found = number_at(&entry, "opid");
            bson_free(text);
        }
    }
    bson_destroy(&reply);
    return found;
}

static bool current_op_and_kill_op(void) {
    pthread_t thread;
    int token = 0;
    CHECK(pthread_create(&thread, NULL, sleep_until_killed, &token) == 0);
    int64_t op, start = 0;
    while ((op = listed_op()) < 0)
        if (!again(&start)) FAIL("currentOp does not list the call");
    char kill_op[60];
    bson_t reply;
    bson_error_t error;
    snprintf(kill_op, sizeof kill_op, "{\"killOp\": 1, \"op\": %lld}", (long long)op);
    CHECK(command(client, "admin", kill_op, &reply, &error));
    bson_destroy(&reply);
    void* result;
    pthread_join(thread, &result);
    if (result != &token) return false; /* which told why */
    CHECK(listed_op() < 0);
    return figure_becomes("in_flight", 1);
}

#define CASE(name) {#name, name}
const struct test_case cancelling_cases[] = {CASE(deadline), CASE(cancel_by_closing),
                                             CASE(current_op_and_kill_op), {NULL, NULL}};
