/* Calls as commands: arguments, every type, sizes, many at once, errors. */
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { BIG = 16000000 /* bytes */, THREADS = 100 };

static const char five[] = "{ \"reply\" : 5, \"ok\" : 1.0 }";

static bool call_positional(void) {
    TRY(answers(client, JSON({"add": [2, 3]}), five));
    TRY(answers(client, JSON({"add": [2.5, 3]}), "{ \"reply\" : 5.5, \"ok\" : 1.0 }"));
    return answers(client, JSON({"add": [4294967296, 1]}),
                   "{ \"reply\" : 4294967297, \"ok\" : 1.0 }");
}

static bool call_named_document(void) {
    return answers(client, JSON({"add": {"b": 3, "a": 2}}), five);
}

static bool call_named_keys(void) {
    TRY(answers(client, JSON({"add": 1, "a": 2, "b": 3}), five));
    TRY(answers(client, JSON({"add": 1.0, "a": 2, "b": 3}), five));
    TRY(answers(client, JSON({"add": true, "a": 2, "b": 3}), five));
    TRY(answers(client, JSON({"add": null, "a": 2, "b": 3}), five));
    return answers(client, JSON({"add": 1, "a": 2, "b": 3, "comment": "x", "maxTimeMS": 60000}),
                   five);
}

static bool call_without_arguments(void) {
    TRY(answers(client, JSON({"noreply": 1}), "{ \"reply\" : null, \"ok\" : 1.0 }"));
    bson_t reply;
    bson_error_t error;
    CHECK(command(client, "demo", JSON({"whoami": 1}), &reply, &error));
    const char* protocol = text_at(&reply, "reply.protocol");
    CHECK(protocol && strcmp(protocol, "mongodb") == 0);
    bson_destroy(&reply);
    return true;
}

/* A document with a value of each of the 21 types. */
static void append_every_type(bson_t* b) {
    bson_oid_t oid;
    bson_decimal128_t decimal;
    bson_t inner = BSON_INITIALIZER, list = BSON_INITIALIZER;
    bson_oid_init_from_string(&oid, "000102030405060708090a0b");
    bson_decimal128_from_string("-1.50E+10", &decimal);
    BSON_APPEND_INT32(&inner, "x", 1);
    BSON_APPEND_UTF8(&list, "0", "二");
    BSON_APPEND_DOUBLE(b, "double", -0.0);
    BSON_APPEND_UTF8(b, "string", "床前明月光");
    bson_append_utf8(b, "string with a zero", -1, "a\0b", 3);
    BSON_APPEND_DOCUMENT(b, "document", &inner);
    BSON_APPEND_ARRAY(b, "array", &list);
    BSON_APPEND_BINARY(b, "binary", BSON_SUBTYPE_BINARY, (const uint8_t*)"\0\1\2", 3);
    BSON_APPEND_BINARY(b, "old binary", BSON_SUBTYPE_BINARY_DEPRECATED, (const uint8_t*)"old", 3);
    BSON_APPEND_BINARY(b, "user's", BSON_SUBTYPE_USER, (const uint8_t*)"\xff", 1);
    BSON_APPEND_UNDEFINED(b, "undefined");
    BSON_APPEND_OID(b, "oid", &oid);
    BSON_APPEND_BOOL(b, "true", true);
    BSON_APPEND_BOOL(b, "false", false);
    BSON_APPEND_DATE_TIME(b, "date", -62135596800001);
    BSON_APPEND_NULL(b, "null");
    BSON_APPEND_REGEX(b, "regex", "^a/b", "im");
    BSON_APPEND_DBPOINTER(b, "pointer", "db.coll", &oid);
    BSON_APPEND_CODE(b, "code", "return 1;");
    BSON_APPEND_SYMBOL(b, "symbol", "symbol");
    BSON_APPEND_CODE_WITH_SCOPE(b, "scope", "return x;", &inner);
    BSON_APPEND_INT32(b, "int32", INT32_MIN);
    BSON_APPEND_TIMESTAMP(b, "timestamp", UINT32_MAX, 7);
    BSON_APPEND_INT64(b, "narrow int64", 1);
    BSON_APPEND_INT64(b, "int64", INT64_MIN);
    BSON_APPEND_DECIMAL128(b, "decimal", &decimal);
    BSON_APPEND_MINKEY(b, "min");
    BSON_APPEND_MAXKEY(b, "max");
    bson_destroy(&inner);
    bson_destroy(&list);
}

/* demo.echo gives that value back, and the whole reply is the expected one byte for byte. */
static bool echoes(const bson_iter_t* value) {
    bson_t sent = BSON_INITIALIZER, expected = BSON_INITIALIZER, arguments, reply;
    bson_error_t error;
    BSON_APPEND_DOCUMENT_BEGIN(&sent, "echo", &arguments);
    bson_append_iter(&arguments, "value", -1, value);
    bson_append_document_end(&sent, &arguments);
    bson_append_iter(&expected, "reply", -1, value);
    BSON_APPEND_DOUBLE(&expected, "ok", 1.0);
    if (!mongoc_client_command_simple(client, "demo", &sent, NULL, &reply, &error))
        FAIL("%s: %s", bson_iter_key(value), error.message);
    if (!bson_equal(&reply, &expected))
        FAIL("%s: the reply is %s", bson_iter_key(value), bson_as_canonical_extended_json(&reply, 0));
    bson_destroy(&sent);
    bson_destroy(&expected);
    bson_destroy(&reply);
    return true;
}

static bool echo_every_type(void) {
    bson_t every = BSON_INITIALIZER, whole = BSON_INITIALIZER;
    bson_iter_t i;
    append_every_type(&every);
    for (bson_iter_init(&i, &every); bson_iter_next(&i);)
        TRY(echoes(&i));
    BSON_APPEND_DOCUMENT(&whole, "all of them", &every);
    bson_iter_init(&i, &whole);
    bson_iter_next(&i);
    TRY(echoes(&i));
    bson_destroy(&every);
    bson_destroy(&whole);
    return true;
}

static bool big_argument_and_reply(void) {
    bson_t holder = BSON_INITIALIZER, reply;
    bson_error_t error;
    bson_iter_t i;
    uint8_t* data = bson_malloc(BIG);
    for (int n = 0; n < BIG; ++n)
        data[n] = (uint8_t)(n * 31);
    BSON_APPEND_BINARY(&holder, "big", BSON_SUBTYPE_BINARY, data, BIG);
    bson_free(data);
    bson_iter_init(&i, &holder);
    bson_iter_next(&i);
    if (!echoes(&i)) FAIL("16 MB do not come back");
    bson_destroy(&holder);

    CHECK(command(client, "demo", JSON({"big": [16000000]}), &reply, &error));
    const char* letters = text_at(&reply, "reply");
    CHECK(letters && strlen(letters) == BIG && strspn(letters, "x") == BIG);
    bson_destroy(&reply);
    TRY(fails(client, JSON({"big": [16777217]}), 10334, NULL));
    return answers(client, JSON({"add": [2, 3]}), five);
}

static void* sleep_and_add(void* pool) {
    static char failure[200];
    mongoc_client_t* mine = mongoc_client_pool_pop(pool);
    bool ok = answers(mine, JSON({"sleep_ms": [1000]}), "{ \"reply\" : 1000, \"ok\" : 1.0 }");
    for (int n = 0; ok && n < 5; ++n) {
        const int own = (int)((uintptr_t)mine >> 4 & 0xffffff);
        char call[60], expected[60];
        snprintf(call, sizeof call, "{\"add\": [%d, %d]}", own, n);
        snprintf(expected, sizeof expected, "{ \"reply\" : %d, \"ok\" : 1.0 }", own + n);
        ok = answers(mine, call, expected);
    }
    mongoc_client_pool_push(pool, mine);
    return ok ? NULL : failure;
}

/* In turn they would take 100 seconds, and each must get its own answer. */
static bool hundred_concurrent(void) {
    pthread_t threads[THREADS];
    int failed = 0;
    mongoc_client_pool_t* pool = mongoc_client_pool_new(server_uri);
    mongoc_client_pool_max_size(pool, THREADS);
    mongoc_client_pool_set_error_api(pool, MONGOC_ERROR_API_VERSION_2);
    const int64_t start = bson_get_monotonic_time();
    for (int i = 0; i < THREADS; ++i)
        CHECK(pthread_create(&threads[i], NULL, sleep_and_add, pool) == 0);
    for (int i = 0; i < THREADS; ++i) {
        void* failure;
        pthread_join(threads[i], &failure);
        failed += failure != NULL;
    }
    const int64_t took = bson_get_monotonic_time() - start;
    mongoc_client_pool_destroy(pool);
    if (failed) return false; /* which told why */
    CHECK(took < 50000000);
    return true;
}

static bool error_with_code_and_chinese_text(void) {
    bson_t reply;
    bson_error_t error;
    CHECK(!command(client, "demo", JSON({"fail": ["诗词不存在", "找不到《静夜思》"]}), &reply, &error));
    char* text = bson_as_relaxed_extended_json(&reply, NULL);
    const char* expected = JSON({ "ok" : 0.0, "errmsg" : "找不到《静夜思》", "code" : 8000,
                                  "codeName" : "OocrpcApplicationError", "oocrpc" :
                                  { "message" : "诗词不存在", "detail" : "找不到《静夜思》" } });
    if (strcmp(text, expected) != 0) FAIL("got %s", text);
    CHECK(error.domain == MONGOC_ERROR_SERVER && error.code == 8000);
    CHECK(strcmp(error.message, "找不到《静夜思》") == 0);
    bson_free(text);
    bson_destroy(&reply);
    TRY(fails(client, JSON({"fail": ["permission_denied", "不行"]}), 13, "不行"));
    CHECK(!command(client, "demo", JSON({"fail": ["overloaded"]}), &reply, &error));
    CHECK(error.code == 462 && mongoc_error_has_label(&reply, "SystemOverloadedError"));
    bson_destroy(&reply);
    return true;
}

static bool unknown_method(void) {
    TRY(fails(client, JSON({"subtract": [2, 3]}), 59, NULL));
    TRY(fails(client, JSON({"ADD": [2, 3]}), 59, NULL));
    return answers(client, JSON({"add": [2, 3]}), five);
}

static bool wrong_argument(void) {
    const char* why = "a: expected int or double, got string";
    TRY(fails(client, JSON({"add": ["二", 3]}), 9, why));
    TRY(fails(client, JSON({"add": 1, "b": 2, "a": "二"}), 9, why));
    TRY(fails(client, JSON({"add": [1, 2, 3]}), 9, NULL));
    return fails(client, JSON({"add": [1]}), 9, NULL);
}

#define CASE(name) {#name, name}
const struct test_case call_cases[] = {
    CASE(call_positional), CASE(call_named_document), CASE(call_named_keys),
    CASE(call_without_arguments), CASE(echo_every_type), CASE(big_argument_and_reply),
    CASE(hundred_concurrent), CASE(error_with_code_and_chinese_text), CASE(unknown_method),
    CASE(wrong_argument), {NULL, NULL}};
