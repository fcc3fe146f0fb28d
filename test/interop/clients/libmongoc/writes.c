/* insert: a call of the method that the collection names, for each document. */
#include "support.h"

#include <stdio.h>
#include <string.h>

enum { MANY = 20 };

static mongoc_collection_t* method(const char* name) {
    return mongoc_client_get_collection(client, "demo", name);
}

static bool insert(mongoc_collection_t* into, const char* json, const bson_t* options,
                   bson_t* reply, bson_error_t* error) {
    bson_t* document = bson_new_from_json((const uint8_t*)json, -1, error);
    const bool ok = mongoc_collection_insert_one(into, document, options, reply, error);
    bson_destroy(document);
    return ok;
}

static bool insert_acknowledged(void) {
    bson_t reply, *documents[MANY];
    bson_error_t error;
    mongoc_collection_t* add = method("add");
    const int64_t before = figure("finished");
    if (!insert(add, JSON({"a": 2, "b": 3}), NULL, &reply, &error)) FAIL("%s", error.message);
    CHECK(number_at(&reply, "insertedCount") == 1);
    bson_destroy(&reply);
    for (int i = 0; i < MANY; ++i)
        documents[i] = BCON_NEW("a", BCON_INT32(i), "b", BCON_INT32(3));
    if (!mongoc_collection_insert_many(add, (const bson_t**)documents, MANY, NULL, &reply, &error))
        FAIL("%s", error.message);
    CHECK(number_at(&reply, "insertedCount") == MANY);
    bson_destroy(&reply);
    for (int i = 0; i < MANY; ++i)
        bson_destroy(documents[i]);
    mongoc_collection_destroy(add);
    TRY(figure_reaches("finished", before + MANY + 1));
    return answers(client, JSON({"insert": "add", "documents": [{"a": 1, "b": 2}]}),
                   "{ \"n\" : 1, \"ok\" : 1.0 }");
}

/* On one connection: were one of them answered, all later answers would be wrong. */
static bool insert_unacknowledged(void) {
    bson_error_t error;
    bson_t* unacknowledged = BCON_NEW("writeConcern", "{", "w", BCON_INT32(0), "}");
    mongoc_collection_t *add = method("add"), *none = method("no_such");
    const int64_t before = figure("finished");
    for (int i = 0; i < MANY; ++i) {
        char document[40], call[40], expected[60];
        snprintf(document, sizeof document, "{\"a\": %d, \"b\": 3}", i);
        snprintf(call, sizeof call, "{\"add\": [1000, %d]}", i);
        snprintf(expected, sizeof expected, "{ \"reply\" : %d, \"ok\" : 1.0 }", 1000 + i);
        CHECK(insert(add, document, unacknowledged, NULL, &error));
        CHECK(insert(add, JSON({"a": "wrong"}), unacknowledged, NULL, &error));
        CHECK(insert(none, document, unacknowledged, NULL, &error));
        TRY(answers(client, call, expected));
    }
    mongoc_collection_destroy(add);
    mongoc_collection_destroy(none);
    bson_destroy(unacknowledged);
    return figure_reaches("finished", before + 2 * MANY);
}

/* Of three documents the second is wrong. */
static bool second_refused(const char* options, int64_t inserted) {
    bson_t reply, *o = bson_new_from_json((const uint8_t*)options, -1, NULL);
    bson_t* documents[] = {BCON_NEW("a", BCON_INT32(1), "b", BCON_INT32(2)),
                           BCON_NEW("a", BCON_UTF8("x"), "b", BCON_INT32(2)),
                           BCON_NEW("a", BCON_INT32(3), "b", BCON_INT32(4))};
    bson_error_t error;
    mongoc_collection_t* add = method("add");
    CHECK(!mongoc_collection_insert_many(add, (const bson_t**)documents, 3, o, &reply, &error));
    CHECK(number_at(&reply, "insertedCount") == inserted);
    CHECK(number_at(&reply, "writeErrors.0.index") == 1);
    CHECK(number_at(&reply, "writeErrors.0.code") == 9);
    const char* why = text_at(&reply, "writeErrors.0.errmsg");
    CHECK(why && strcmp(why, "a: expected int or double, got string") == 0);
    CHECK(number_at(&reply, "writeErrors.1.index") == -1);
    for (int i = 0; i < 3; ++i)
        bson_destroy(documents[i]);
    bson_destroy(&reply);
    bson_destroy(o);
    mongoc_collection_destroy(add);
    return true;
}

static bool write_errors(void) {
    TRY(second_refused(JSON({"ordered": true}), 1));
    return second_refused(JSON({"ordered": false}), 2);
}

#define CASE(name) {#name, name}
const struct test_case write_cases[] = {CASE(insert_acknowledged), CASE(insert_unacknowledged),
                                        CASE(write_errors), {NULL, NULL}};
