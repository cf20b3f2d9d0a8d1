// poll: keep-alive clients that ask again with the cursor they were given.
//
//   poll port=P path=/v1/poll?user=u%d&wait=30 [clients=1000] [first=0] [expect=0] [timeout=60] [cursor=] [conditional=0] [window=200]
//
// Long polling: each client waits for its answer and asks again from the last "cursor" in it (`cursor` is the
// parameter's name; empty for servers that need none). conditional=1 is short polling: the same request again and
// again with If-None-Match, for `timeout` seconds.
#include "marks.h"

typedef struct {
    Scanner scanner;
    int fd;
    uint8_t asked;
    char cursor[64], etag[64], *text;
    size_t have, room;
} Client;

static int port, conditional;
static uint32_t first_user;
static const char *path, *cursor_name;

static void ask(Client *client, uint32_t nth) {
    char target[1024], out[2048];
    target[fill(target, sizeof target, path, first_user + nth)] = 0;
    int length = snprintf(out, sizeof out, "GET %s", target);
    if (*client->cursor) length += snprintf(out + length, sizeof out - (size_t)length, "%c%s=%s", strchr(target, '?') ? '&' : '?', cursor_name, client->cursor);
    length += snprintf(out + length, sizeof out - (size_t)length, " HTTP/1.1\r\nHost: localhost\r\n");
    if (conditional && *client->etag) length += snprintf(out + length, sizeof out - (size_t)length, "If-None-Match: %s\r\n", client->etag);
    length += snprintf(out + length, sizeof out - (size_t)length, "\r\n");
    if (write(client->fd, out, (size_t)length) != length) die("request %u: %s", nth, strerror(errno));
}

// The answer's own cursor is the last one in it: the events before it carry theirs.
static void keep_cursor(Client *client, const char *body, size_t length) {
    const char *found = NULL;
    for (const char *p = body; (p = memmem(p, (size_t)(body + length - p), "\"cursor\":\"", 10)); ) found = p += 10;
    if (!found) return;
    size_t size = strcspn(found, "\"");
    if (size < sizeof client->cursor) memcpy(client->cursor, found, size), client->cursor[size] = 0;
}

int main(int count, char **words) {
    port = atoi(option(count, words, "port", NULL));
    path = option(count, words, "path", NULL);
    cursor_name = option(count, words, "cursor", "");
    conditional = atoi(option(count, words, "conditional", "0"));
    uint32_t total = (uint32_t)atoi(option(count, words, "clients", "1000")), window = (uint32_t)atoi(option(count, words, "window", "200"));
    uint64_t expect = strtoull(option(count, words, "expect", "0"), NULL, 10), answers = 0, unchanged = 0, empty = 0;
    first_user = (uint32_t)atoi(option(count, words, "first", "0"));
    double timeout = atof(option(count, words, "timeout", "60")) * 1e9;

    raise_file_limit();
    Client *clients = calloc(total, sizeof *clients);
    int poll = epoll_create1(0), stop = 0;
    watch(poll, EPOLL_CTL_ADD, 0, EPOLLIN, total);
    uint32_t opened = 0, asked = 0;
    uint64_t began = now_ns();
    struct epoll_event events[512];
    while (!stop && (!expect || heard < expect) && (double)(now_ns() - began) < timeout) {
        for (; opened < total && opened - asked < window; opened++) {
            clients[opened] = (Client){.fd = dial(port, first_user + opened, SOCK_NONBLOCK), .room = 2048, .text = malloc(2048)};
            watch(poll, EPOLL_CTL_ADD, clients[opened].fd, EPOLLOUT, opened);
        }
        int n = epoll_wait(poll, events, 512, 100);
        for (int i = 0; i < n; i++) {
            uint32_t nth = events[i].data.u32;
            if (nth == total) {
                stop = 1;
                continue;
            }
            Client *client = &clients[nth];
            if (events[i].events & EPOLLOUT) {
                ask(client, nth);
                watch(poll, EPOLL_CTL_MOD, client->fd, EPOLLIN, nth);
                if (++asked == total) printf("{\"ready\":%u,\"seconds\":%.4f}\n", total, (double)(now_ns() - began) / 1e9), fflush(stdout);
                continue;
            }
            if (client->have == client->room) client->text = realloc(client->text, client->room *= 2);
            ssize_t got = read(client->fd, client->text + client->have, client->room - client->have);
            if (got < 0 && errno == EAGAIN) continue;
            if (got <= 0) die("client %u: the server closed it", nth);
            client->have += (size_t)got;
            Reply reply;
            if (!parse_reply(client->text, client->have, &reply) || client->have < reply.head + reply.body) continue;
            if (reply.status != 200 && reply.status != 204 && reply.status != 304) die("client %u was answered: %.*s", nth, (int)client->have, client->text);
            uint64_t before = heard;
            scan(&client->scanner, client->text + reply.head, reply.body, now_ns());
            if (*cursor_name && !conditional) keep_cursor(client, client->text + reply.head, reply.body);
            if (reply.etag && reply.etag_length < sizeof client->etag) memcpy(client->etag, reply.etag, reply.etag_length), client->etag[reply.etag_length] = 0;
            answers++;
            unchanged += reply.status == 304;
            empty += heard == before;
            client->have = 0;
            ask(client, nth);
        }
    }
    double seconds = (double)(now_ns() - began) / 1e9;
    printf("{\"answers\":%llu,\"unchanged\":%llu,\"empty\":%llu,\"seconds\":%.6f,", (unsigned long long)answers, (unsigned long long)unchanged, (unsigned long long)empty, seconds);
    print_heard(0);
    printf("}\n");
    return 0;
}
