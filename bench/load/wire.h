// Shared parts of the load clients: options, a clock, sockets from many loopback addresses, HTTP heads.
#ifndef WIRE_H
#define WIRE_H
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PER_ADDRESS 20000  // connections from one loopback address; one has about 28 000 free ports

__attribute__((noreturn, format(printf, 1, 2))) static inline void die(const char *why, ...) {
    va_list list;
    va_start(list, why);
    vfprintf(stderr, why, list);
    fputc('\n', stderr);
    exit(1);
}

// Options are "name=value" words.
static inline const char *option(int count, char **words, const char *name, const char *otherwise) {
    size_t length = strlen(name);
    for (int i = 1; i < count; i++)
        if (!strncmp(words[i], name, length) && words[i][length] == '=') return words[i] + length + 1;
    if (!otherwise) die("missing %s=", name);
    return otherwise;
}

// The publisher stamps events with the same clock, in another process: so wall time, not monotonic.
static inline uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void raise_file_limit(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

// Starts the nth connection to 127.0.0.1:port, from 127.0.0.2 and upwards, so that ports do not run out.
static inline int dial(int port, uint32_t nth, int flags) {
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0), one = 1;
    if (fd < 0) die("socket: %s", strerror(errno));
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    from.sin_addr.s_addr = htonl(0x7f000002u + nth / PER_ADDRESS);
    to.sin_addr.s_addr = htonl(0x7f000001u);
    setsockopt(fd, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&from, sizeof from)) die("bind: %s", strerror(errno));
    if (connect(fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) die("connect: %s", strerror(errno));
    return fd;
}

static inline void watch(int poll, int how, int fd, uint32_t what, uint32_t nth) {
    struct epoll_event event = {.events = what, .data.u32 = nth};
    if (epoll_ctl(poll, how, fd, &event)) die("epoll_ctl: %s", strerror(errno));
}

// The whole file, with a NUL after it.
static inline char *slurp(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file) die("%s: %s", path, strerror(errno));
    fseek(file, 0, SEEK_END);
    *length = (size_t)ftell(file);
    rewind(file);
    char *text = malloc(*length + 1);
    if (fread(text, 1, *length, file) != *length) die("%s: cannot read", path);
    text[*length] = 0;
    fclose(file);
    return text;
}

static char **tokens;  // of user 0, 1, 2 ...
static uint32_t token_count;

// Reads a file with a token on each line. An empty path is no file.
static inline void load_tokens(const char *path) {
    size_t length;
    if (!*path) return;
    char *text = slurp(path, &length);
    for (size_t i = 0; i < length; i++) token_count += text[i] == '\n';
    tokens = calloc(token_count, sizeof *tokens);
    uint32_t nth = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) tokens[nth++] = line;
}

// Puts a user's number where the template says %d, and that user's token where it says %t.
static inline size_t fill(char *out, size_t room, const char *template, uint32_t number) {
    size_t n = 0;
    for (const char *p = template; *p && n + 12 < room; p++)
        if (p[0] == '%' && p[1] == 'd') {
            n += (size_t)snprintf(out + n, 12, "%u", number);
            p++;
        } else if (p[0] == '%' && p[1] == 't') {
            if (number >= token_count) die("no token for user %u", number);
            size_t size = strlen(tokens[number]);
            if (n + size + 12 >= room) die("the request of user %u is too long", number);
            memcpy(out + n, tokens[number], size);
            n += size;
            p++;
        } else
            out[n++] = *p;
    return n;
}

typedef struct {
    int status;
    size_t head, body;  // lengths in bytes
    const char *etag;   // points into the head; not terminated
    size_t etag_length;
} Reply;

// Reads an HTTP/1.1 answer with a Content-Length (or none, for 204 and 304); 0 while the head is incomplete.
static inline int parse_reply(const char *text, size_t length, Reply *reply) {
    const char *end = memmem(text, length, "\r\n\r\n", 4);
    if (!end) return 0;
    *reply = (Reply){.head = (size_t)(end - text) + 4, .status = length > 12 ? atoi(text + 9) : 0};
    for (const char *line = text; line < end;) {
        const char *stop = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
        if (!strncasecmp(line, "content-length:", 15)) reply->body = strtoull(line + 15, NULL, 10);
        if (!strncasecmp(line, "etag: ", 6)) reply->etag = line + 6, reply->etag_length = (size_t)(stop - line) - 6;
        line = stop + 2;
    }
    return 1;
}
#endif
