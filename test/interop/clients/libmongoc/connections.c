/* Connecting, closing, reconnecting, and what is compressed on the way. */
#include "support.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const char five[] = "{ \"reply\" : 5, \"ok\" : 1.0 }";

static bool connect_and_close(void) {
    TRY(figure_becomes("in_flight", 1));
    const int64_t before = figure("connections");
    mongoc_client_pool_t* pool = mongoc_client_pool_new(server_uri);
    mongoc_client_t* pooled = mongoc_client_pool_pop(pool);
    TRY(answers(pooled, JSON({"add": [2, 3]}), five));
    CHECK(figure("connections") > before);
    mongoc_client_pool_push(pool, pooled);
    mongoc_client_pool_destroy(pool);
    TRY(figure_becomes("connections", before));

    mongoc_client_t* single = mongoc_client_new_from_uri(server_uri);
    bson_t reply;
    bson_error_t error;
    CHECK(command(single, "admin", JSON({"ping": 1}), &reply, &error));
    bson_destroy(&reply);
    CHECK(command(single, "admin", JSON({"buildInfo": 1}), &reply, &error));
    bson_destroy(&reply);
    CHECK(figure("connections") == before + 1);
    mongoc_client_destroy(single);
    return figure_becomes("connections", before);
}

static bool reconnect_after_restart(void) {
    char line[20];
    TRY(answers(client, JSON({"add": [2, 3]}), five));
    printf("RESTART\n");
    fflush(stdout);
    CHECK(fgets(line, sizeof line, stdin) && strcmp(line, "READY\n") == 0);
    int64_t start = 0;
    while (!answers(client, JSON({"add": [2, 3]}), five))
        if (!again(&start)) return false;
    return true;
}

/* Follows the bytes of one direction and counts the messages that a compressor made. */
struct watcher {
    uint8_t head[25]; /* up to the number of the compressor */
    int64_t have;     /* bytes of the message so far */
    int compressed[4];
};

static struct watcher sent, received;

static void watch(struct watcher* w, const uint8_t* data, size_t size) {
    for (size_t n = 0; n < size; ++n) {
        if (w->have < (int64_t)sizeof w->head) w->head[w->have] = data[n];
        ++w->have;
        int32_t length, opcode;
        memcpy(&length, w->head, 4);
        memcpy(&opcode, w->head + 12, 4);
        if (w->have < 16 || w->have < length) continue;
        if (opcode == 2012) ++w->compressed[w->head[24] & 3];
        w->have = 0;
    }
}

static void watch_all(struct watcher* w, const mongoc_iovec_t* iov, size_t count, ssize_t size) {
    for (size_t i = 0; i < count && size > 0; ++i) {
        const size_t part = BSON_MIN((size_t)size, iov[i].iov_len);
        watch(w, iov[i].iov_base, part);
        size -= (ssize_t)part;
    }
}

static ssize_t (*plain_writev)(mongoc_stream_t*, mongoc_iovec_t*, size_t, int32_t);
static ssize_t (*plain_readv)(mongoc_stream_t*, mongoc_iovec_t*, size_t, size_t, int32_t);

static ssize_t watched_writev(mongoc_stream_t* s, mongoc_iovec_t* iov, size_t n, int32_t timeout) {
    const ssize_t size = plain_writev(s, iov, n, timeout);
    watch_all(&sent, iov, n, size);
    return size;
}

static ssize_t watched_readv(mongoc_stream_t* s, mongoc_iovec_t* iov, size_t n, size_t least,
                             int32_t timeout) {
    const ssize_t size = plain_readv(s, iov, n, least, timeout);
    watch_all(&received, iov, n, size);
    return size;
}

/* What libmongoc opens by itself, and watched. */
static mongoc_stream_t* open_watched(const mongoc_uri_t* uri, const mongoc_host_list_t* host,
                                     void* unused, bson_error_t* error) {
    (void)uri, (void)unused;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(host->port)};
    inet_pton(AF_INET, host->host, &address.sin_addr);
    mongoc_socket_t* s = mongoc_socket_new(AF_INET, SOCK_STREAM, 0);
    if (mongoc_socket_connect(s, (struct sockaddr*)&address, sizeof address, -1) != 0) {
        bson_set_error(error, MONGOC_ERROR_STREAM, MONGOC_ERROR_STREAM_CONNECT, "no connection");
        mongoc_socket_destroy(s);
        return NULL;
    }
    mongoc_stream_t* stream = mongoc_stream_buffered_new(mongoc_stream_socket_new(s), 4096);
    plain_writev = stream->writev;
    plain_readv = stream->readv;
    stream->writev = watched_writev;
    stream->readv = watched_readv;
    return stream;
}

static bool compresses(const char* name, int number) {
    mongoc_client_t* c = connect_with("compressors", name);
    memset(&sent, 0, sizeof sent);
    memset(&received, 0, sizeof received);
    mongoc_client_set_stream_initiator(c, open_watched, NULL);
    bson_t call = BSON_INITIALIZER, reply;
    bson_error_t error;
    char text[30001] = "";
    for (int i = 0; i < 5000; ++i)
        memcpy(text + 6 * i, "压缩", 6);
    bson_t arguments;
    BSON_APPEND_ARRAY_BEGIN(&call, "echo", &arguments);
    bson_append_utf8(&arguments, "0", 1, text, 30000);
    bson_append_array_end(&call, &arguments);
    if (!mongoc_client_command_simple(c, "demo", &call, NULL, &reply, &error))
        FAIL("%s: %s", name, error.message);
    const char* back = text_at(&reply, "reply");
    CHECK(back && strlen(back) == 30000 && memcmp(back, text, 30000) == 0);
    bson_destroy(&call);
    bson_destroy(&reply);
    TRY(answers(c, JSON({"add": [2, 3]}), five));
    TRY(fails(c, JSON({"no_such": 1}), 59, NULL));
    mongoc_client_destroy(c);
    if (sent.compressed[number] < 3 || received.compressed[number] < 3)
        FAIL("%s: %d compressed requests, %d replies", name, sent.compressed[number],
             received.compressed[number]);
    return true;
}

/* Those that this libmongoc was built with: the others vanish from its URL. */
static bool compression(void) {
    static const char* const names[] = {"", "snappy", "zlib", "zstd"};
    int count = 0;
    for (int number = 1; number <= 3; ++number) {
        mongoc_uri_t* uri = mongoc_uri_copy(server_uri);
        mongoc_uri_set_compressors(uri, names[number]);
        const bool built = bson_has_field(mongoc_uri_get_compressors(uri), names[number]);
        mongoc_uri_destroy(uri);
        if (!built) {
            fprintf(stderr, "libmongoc has no %s\n", names[number]);
            continue;
        }
        TRY(compresses(names[number], number));
        ++count;
    }
    CHECK(count > 0);
    return true;
}

#define CASE(name) {#name, name}
const struct test_case connection_cases[] = {CASE(connect_and_close), CASE(reconnect_after_restart),
                                             CASE(compression), {NULL, NULL}};
