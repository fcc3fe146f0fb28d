/* Logins instead of cases: what came of each URL of a file, all tried at the same time. */
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 100 };

/* What comes of it, in one line: a server's error has a code, others have none. */
static void describe(const bson_error_t* error, const bson_t* reply, char* text, size_t size) {
    const int64_t code = number_at(reply, "code");
    if (code >= 0)
        snprintf(text, size, "code %lld: %s", (long long)code, error->message);
    else
        snprintf(text, size, "error: %u.%u: %s", error->domain, error->code, error->message);
    for (char* c = text; *c; ++c)
        if (*c == '\n') *c = ' ';
}

static void try_url(const char* url, char* text, size_t size) {
    bson_t reply;
    bson_error_t error;
    mongoc_uri_t* uri = mongoc_uri_new_with_error(url, &error);
    mongoc_client_t* mine = uri ? mongoc_client_new_from_uri_with_error(uri, &error) : NULL;
    if (!mine) {
        snprintf(text, size, "error: %s", error.message);
        mongoc_uri_destroy(uri);
        return;
    }
    mongoc_client_set_error_api(mine, MONGOC_ERROR_API_VERSION_2);
    bool ok = command(mine, "admin", JSON({"ping": 1}), &reply, &error);
    if (ok) {
        bson_destroy(&reply);
        ok = command(mine, "demo", JSON({"add": [2, 3]}), &reply, &error);
    }
    if (!ok)
        describe(&error, &reply, text, size);
    else
        snprintf(text, size, "%s", number_at(&reply, "reply") == 5 ? "ok" : "error: not 5");
    bson_destroy(&reply);
    mongoc_client_destroy(mine);
    mongoc_uri_destroy(uri);
}

/* Takes a line: a name, a tab, a URL. */
static void* try_login(void* line) {
    char* name = line;
    char* tab = strchr(name, '\t');
    char text[400];
    *tab = '\0';
    try_url(tab + 1, text, sizeof text);
    printf("login %s %s\n", name, text);
    fflush(stdout);
    free(name);
    return NULL;
}

void run_logins(const char* path) {
    char line[2000];
    pthread_t threads[MOST];
    int count = 0;
    FILE* file = fopen(path, "r");
    while (file && count < MOST && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        pthread_create(&threads[count++], NULL, try_login, strdup(line));
    }
    while (count > 0)
        pthread_join(threads[--count], NULL);
    if (file) fclose(file);
}
