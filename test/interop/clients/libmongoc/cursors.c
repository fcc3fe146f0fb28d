/* find, aggregate and commands that stream, the collection as the method. */
#include "support.h"

#include <stdio.h>
#include <string.h>

static bson_t* from_json(const char* json) {
    return bson_new_from_json((const uint8_t*)json, -1, NULL);
}

/* A cursor of find on db.method; `with` keeps nothing of it. */
static mongoc_cursor_t* find_in(mongoc_client_t* with, const char* db, const char* method,
                                const char* filter, const char* options) {
    bson_t *f = from_json(filter), *o = from_json(options);
    mongoc_collection_t* collection = mongoc_client_get_collection(with, db, method);
    mongoc_cursor_t* cursor = mongoc_collection_find_with_opts(collection, f, o, NULL);
    mongoc_collection_destroy(collection);
    bson_destroy(f);
    bson_destroy(o);
    return cursor;
}

static mongoc_cursor_t* find(const char* method, const char* filter, const char* options) {
    return find_in(client, "demo", method, filter, options);
}

static mongoc_cursor_t* aggregate(const char* method, const char* pipeline) {
    bson_t* p = from_json(pipeline);
    mongoc_collection_t* collection = mongoc_client_get_collection(client, "demo", method);
    mongoc_cursor_t* cursor = mongoc_collection_aggregate(collection, 0, p, NULL, NULL);
    mongoc_collection_destroy(collection);
    bson_destroy(p);
    return cursor;
}

/* The cursor has exactly {reply: begin} to {reply: end - 1}; it is destroyed. */
static bool counts(mongoc_cursor_t* cursor, int begin, int end) {
    const bson_t* document;
    bson_error_t error;
    int next = begin;
    for (; mongoc_cursor_next(cursor, &document); ++next)
        if (number_at(document, "reply") != next) FAIL("item %d is another", next);
    if (mongoc_cursor_error(cursor, &error)) FAIL("after %d: %s", next, error.message);
    mongoc_cursor_destroy(cursor);
    if (next != end) FAIL("the end comes at %d, not %d", next, end);
    return true;
}

/* The first document is that one; the cursor is destroyed. */
static bool begins(mongoc_cursor_t* cursor, const char* expected) {
    const bson_t* document;
    bson_error_t error = {0};
    if (!mongoc_cursor_next(cursor, &document)) {
        mongoc_cursor_error(cursor, &error);
        FAIL("no document but %s", error.message);
    }
    char* text = bson_as_relaxed_extended_json(document, NULL);
    if (strcmp(text, expected) != 0) FAIL("got %s, expected %s", text, expected);
    bson_free(text);
    mongoc_cursor_destroy(cursor);
    return true;
}

/* The cursor fails with that code and a text that has that word; it is destroyed. */
static bool refused(mongoc_cursor_t* cursor, uint32_t code, const char* word) {
    const bson_t* document;
    bson_error_t error = {0};
    CHECK(!mongoc_cursor_next(cursor, &document));
    CHECK(mongoc_cursor_error(cursor, &error));
    if (error.domain != MONGOC_ERROR_SERVER || (code && error.code != code) ||
        !strstr(error.message, word))
        FAIL("error %u.%u: %s", error.domain, error.code, error.message);
    mongoc_cursor_destroy(cursor);
    return true;
}

static bool find_one(void) {
    const char* one = JSON({"limit": 1, "singleBatch": true});
    TRY(begins(find("add", JSON({"a": 2, "b": 3}), one), "{ \"reply\" : 5 }"));
    TRY(begins(find("echo", JSON({"value": {"y": 1, "x": 2}}), one), "{ \"y\" : 1, \"x\" : 2 }"));
    TRY(begins(find("echo", JSON({"value": [{"x": 1}, {"x": 2}]}), one), "{ \"x\" : 1 }"));
    TRY(begins(find("count", JSON({"n": 1000000}), one), "{ \"reply\" : 0 }"));
    TRY(counts(find("count", JSON({"n": 0}), one), 0, 0));
    TRY(refused(find("add", JSON({"a": "x", "b": 3}), one), 9, "a: expected int or double"));
    TRY(refused(find("subtract", "{}", one), 59, "subtract"));
    return figure_becomes("in_flight", 1);
}

static int get_mores;

static void on_command(const mongoc_apm_command_started_t* event) {
    get_mores += strcmp(mongoc_apm_command_started_get_command_name(event), "getMore") == 0;
}

static bool find_batches(void) {
    mongoc_apm_callbacks_t* callbacks = mongoc_apm_callbacks_new();
    mongoc_apm_set_command_started_cb(callbacks, on_command);
    mongoc_client_t* watched = mongoc_client_new_from_uri(server_uri);
    mongoc_client_set_apm_callbacks(watched, callbacks, NULL);
    TRY(counts(find_in(watched, "demo", "count", JSON({"n": 10}), JSON({"batchSize": 3})), 0, 10));
    CHECK(get_mores >= 3);
    get_mores = 0;
    TRY(counts(find_in(watched, "demo", "count", JSON({"n": 1000}), "{}"), 0, 1000));
    CHECK(get_mores >= 1);
    TRY(counts(find_in(watched, "demo", "count_slow", JSON({"n": 5, "ms": 30}), "{}"), 0, 5));
    mongoc_client_destroy(watched);
    mongoc_apm_callbacks_destroy(callbacks);
    return true;
}

static bool find_limit(void) {
    const char* n = JSON({"n": 1000});
    TRY(counts(find("count", n, JSON({"limit": 5})), 0, 5));
    TRY(counts(find("count", n, JSON({"limit": 5, "batchSize": 2})), 0, 5));
    TRY(counts(find("count", n, JSON({"skip": 3, "limit": 2})), 3, 5));
    TRY(counts(find("count", n, JSON({"limit": 4, "singleBatch": true})), 0, 4));
    return figure_becomes("in_flight", 1);
}

static bool early_cursor_close(void) {
    const int64_t before = figure("cancelled");
    const bson_t* document;
    mongoc_cursor_t* cursor = find("count", JSON({"n": 1000000000}), JSON({"batchSize": 2}));
    for (int i = 0; i < 3; ++i) {
        CHECK(mongoc_cursor_next(cursor, &document));
        CHECK(number_at(document, "reply") == i);
    }
    CHECK(mongoc_cursor_get_id(cursor) != 0);
    mongoc_cursor_destroy(cursor);
    TRY(figure_becomes("cancelled", before + 1));
    return figure_becomes("in_flight", 1);
}

static bool aggregate_match(void) {
    TRY(begins(aggregate("add", JSON([{"$match": {"a": 2, "b": 3}}])), "{ \"reply\" : 5 }"));
    return counts(aggregate("count", JSON([{"$match": {"n": 300}}])), 0, 300);
}

static bool aggregate_other_stage_refused(void) {
    TRY(refused(aggregate("add", JSON([{"$group": {"_id": 1}}])), 0, "$group"));
    return refused(aggregate("add", JSON([{"$match": {"a": 2, "b": 3}}, {"$group": {}}])), 0,
                   "$group");
}

/* A cursor of the reply to a command that streams; it takes the reply. */
static bool run_cursor_command(void) {
    bson_t reply;
    bson_error_t error;
    if (!command(client, "demo", JSON({"count": {"n": 250}}), &reply, &error))
        FAIL("%s", error.message);
    bson_t* server = BCON_NEW("serverId", BCON_INT32(1));
    TRY(counts(mongoc_cursor_new_from_command_reply_with_opts(client, &reply, server), 0, 250));
    bson_destroy(server);
    return true;
}

static bool old_rpc_mapping(void) {
    const char* one = JSON({"limit": 1, "singleBatch": true});
    const char* calls[][2] = {
        {JSON({"funcname": "demo.add", "argstr": [[2, 3], {}]}), "{ \"$result\" : 5 }"},
        {JSON({"funcname": "demo.add", "argstr": [[], {"a": 2, "b": 3}]}), "{ \"$result\" : 5 }"},
        {JSON({"funcname": "demo.fail", "argstr": [["没有", "诗"], {}]}),
         "{ \"$error\" : { \"message\" : \"没有\", \"detail\" : \"诗\" } }"}};
    for (int i = 0; i < 3; ++i)
        TRY(begins(find_in(client, "backend", "rpc", calls[i][0], one), calls[i][1]));
    return true;
}

static bool has(char** names, const char* name) {
    for (; names && *names; ++names)
        if (strcmp(*names, name) == 0) return true;
    return false;
}

static bool list_databases_and_collections(void) {
    bson_error_t error;
    char** names = mongoc_client_get_database_names_with_opts(client, NULL, &error);
    CHECK(has(names, "demo"));
    bson_strfreev(names);
    mongoc_database_t* demo = mongoc_client_get_database(client, "demo");
    names = mongoc_database_get_collection_names_with_opts(demo, NULL, &error);
    CHECK(has(names, "add") && has(names, "count_slow"));
    bson_strfreev(names);
    mongoc_database_destroy(demo);
    return true;
}

#define CASE(name) {#name, name}
const struct test_case cursor_cases[] = {
    CASE(find_one), CASE(find_batches), CASE(find_limit), CASE(early_cursor_close),
    CASE(aggregate_match), CASE(aggregate_other_stage_refused), CASE(run_cursor_command),
    CASE(old_rpc_mapping), CASE(list_databases_and_collections), {NULL, NULL}};
