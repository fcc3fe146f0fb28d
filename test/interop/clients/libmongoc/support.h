/* What the cases of the libmongoc client share: checks, calls in JSON, figures of the server. */
#pragma once

#include <mongoc/mongoc.h>
#include <stdbool.h>
#include <stdint.h>

/* JSON written as C tokens; names and strings in double quotes. */
#define JSON(...) #__VA_ARGS__

/* In a case: ends it as failed, with a text in the manner of printf. */
#define FAIL(...) return fail(__LINE__, __VA_ARGS__)
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) FAIL("%s does not hold", #condition);                                    \
    } while (0)
/* In a case: ends it as failed where an inner check failed, which told why. */
#define TRY(condition)                                                                             \
    do {                                                                                           \
        if (!(condition)) return false;                                                            \
    } while (0)

/* A case: true if it passed, else it called fail(). */
struct test_case {
    const char* name;
    bool (*run)(void);
};
extern const struct test_case connection_cases[], call_cases[], cancelling_cases[], cursor_cases[],
    write_cases[];

/* Logins instead of cases: tells what came of each URL of the file, for login_test.py. */
void run_logins(const char* path);

/* Where the server is, and a client of the main thread for all cases that need no other. */
extern mongoc_uri_t* server_uri;
extern mongoc_client_t* client;

/* Keeps the text, of several threads one. */
bool fail(int line, const char* format, ...) BSON_GNUC_PRINTF(2, 3);
const char* why_failed(void);

/* A client with one option more in its URL. */
mongoc_client_t* connect_with(const char* option, const char* value);

/* Calls; what answered, an error's document too, is in `reply`, which is the caller's. */
bool command(mongoc_client_t* with, const char* db, const char* json, bson_t* reply,
             bson_error_t* error);
/* The command on database demo is answered by exactly that, in relaxed Extended JSON. */
bool answers(mongoc_client_t* with, const char* json, const char* expected);
/* The command on database demo fails with that code, and with that errmsg unless it is NULL. */
bool fails(mongoc_client_t* with, const char* json, uint32_t code, const char* errmsg);

int64_t number_at(const bson_t* document, const char* path);
const char* text_at(const bson_t* document, const char* path);

/* A figure of demo.stats, or -1. */
int64_t figure(const char* name);
/* Asks until a figure is what it should be. */
bool figure_becomes(const char* name, int64_t expected);
bool figure_reaches(const char* name, int64_t least);
/* Waits a moment; false once that was done for 20 seconds since `start`, which begins as 0. */
bool again(int64_t* start);
