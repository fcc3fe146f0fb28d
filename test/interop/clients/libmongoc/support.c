#include "support.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

mongoc_uri_t* server_uri;
mongoc_client_t* client;

static char reason[1000];

bool fail(int line, const char* format, ...) {
    char text[sizeof reason - 40];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char* c = text; *c; ++c)
        if (*c == '\n') *c = ' ';
    snprintf(reason, sizeof reason, "line %d: %s", line, text);
    return false;
}

const char* why_failed(void) {
    return reason;
}

mongoc_client_t* connect_with(const char* option, const char* value) {
    mongoc_uri_t* uri = mongoc_uri_copy(server_uri);
    if (strcmp(option, "compressors") == 0)
        mongoc_uri_set_compressors(uri, value);
    else
        mongoc_uri_set_option_as_int32(uri, option, (int32_t)strtol(value, NULL, 10));
    mongoc_client_t* made = mongoc_client_new_from_uri(uri);
    mongoc_client_set_error_api(made, MONGOC_ERROR_API_VERSION_2);
    mongoc_uri_destroy(uri);
    return made;
}

bool command(mongoc_client_t* with, const char* db, const char* json, bson_t* reply,
             bson_error_t* error) {
    bson_t* document = bson_new_from_json((const uint8_t*)json, -1, error);
    if (!document) {
        bson_init(reply);
        return false;
    }
    const bool ok = mongoc_client_command_simple(with, db, document, NULL, reply, error);
    bson_destroy(document);
    return ok;
}

bool answers(mongoc_client_t* with, const char* json, const char* expected) {
    bson_t reply;
    bson_error_t error;
    const bool ok = command(with, "demo", json, &reply, &error);
    char* text = bson_as_relaxed_extended_json(&reply, NULL);
    bool same = true;
    if (!ok)
        same = fail(__LINE__, "%s: %s", json, error.message);
    else if (strcmp(text, expected) != 0)
        same = fail(__LINE__, "%s: got %s, expected %s", json, text, expected);
    bson_free(text);
    bson_destroy(&reply);
    return same;
}

bool fails(mongoc_client_t* with, const char* json, uint32_t code, const char* errmsg) {
    bson_t reply;
    bson_error_t error;
    const bool ok = command(with, "demo", json, &reply, &error);
    bool good = true;
    if (ok)
        good = fail(__LINE__, "%s: no error", json);
    else if (error.domain != MONGOC_ERROR_SERVER || error.code != code)
        good = fail(__LINE__, "%s: error %u.%u: %s", json, error.domain, error.code, error.message);
    else if (number_at(&reply, "code") != code || !text_at(&reply, "codeName"))
        good = fail(__LINE__, "%s: the document has no such code or no codeName", json);
    else if (errmsg && strcmp(error.message, errmsg) != 0)
        good = fail(__LINE__, "%s: got the text %s, expected %s", json, error.message, errmsg);
    bson_destroy(&reply);
    return good;
}

static bool find_at(const bson_t* document, const char* path, bson_iter_t* found) {
    bson_iter_t i;
    return bson_iter_init(&i, document) && bson_iter_find_descendant(&i, path, found);
}

int64_t number_at(const bson_t* document, const char* path) {
    bson_iter_t found;
    return find_at(document, path, &found) ? bson_iter_as_int64(&found) : -1;
}

const char* text_at(const bson_t* document, const char* path) {
    bson_iter_t found;
    const bool there = find_at(document, path, &found) && BSON_ITER_HOLDS_UTF8(&found);
    return there ? bson_iter_utf8(&found, NULL) : NULL;
}

int64_t figure(const char* name) {
    bson_t reply;
    bson_error_t error;
    char path[40];
    snprintf(path, sizeof path, "reply.%s", name);
    const bool ok = command(client, "demo", JSON({"stats": 1}), &reply, &error);
    const int64_t value = ok ? number_at(&reply, path) : -1;
    bson_destroy(&reply);
    return value;
}

bool again(int64_t* start) {
    const int64_t now = bson_get_monotonic_time(); /* microseconds */
    if (*start == 0) *start = now;
    const struct timespec moment = {0, 5000000};
    nanosleep(&moment, NULL);
    return now - *start < 20000000;
}

bool figure_becomes(const char* name, int64_t expected) {
    int64_t start = 0, value;
    while ((value = figure(name)) != expected)
        if (!again(&start))
            FAIL("%s is %lld, not %lld", name, (long long)value, (long long)expected);
    return true;
}

bool figure_reaches(const char* name, int64_t least) {
    int64_t start = 0, value;
    while ((value = figure(name)) < least)
        if (!again(&start))
            FAIL("%s is %lld, not %lld", name, (long long)value, (long long)least);
    return true;
}
