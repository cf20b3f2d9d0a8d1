// publish: keep-alive connections that each POST again as soon as they are answered.
//
//   publish port=P path=/v1/notifications body=FILE [connections=32] [requests=0] [seconds=0] [type=application/json]
//           [headers=TEXT]
//
// Ends after `requests` answers or `seconds`. Each run of 19 zeros after an "@" in headers and body is replaced, when it
// is sent, by the time in nanoseconds: that is how listeners know when an event was published, and how keys differ.
#include "wire.h"

typedef struct {
    int fd;
    char *request;
    size_t sent, have;
    uint64_t asked, seen;  // when; bytes of the answer so far
    char answer[16384];
} Publisher;

static char *request_template;
static size_t request_length, stamps[16384], stamp_count;

static uint64_t stamp(char *request) {
    static uint64_t last;
    uint64_t now = now_ns(), began = now;
    for (size_t i = 0; i < stamp_count; i++, now++) {
        if (now <= last) now = last + 1;  // each event's own, and in order
        last = now;
        uint64_t rest = now;
        for (int digit = 18; digit >= 0; digit--, rest /= 10) request[stamps[i] + (size_t)digit] = (char)('0' + rest % 10);
    }
    return began;
}

static int later(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

int main(int count, char **words) {
    int port = atoi(option(count, words, "port", NULL));
    uint32_t connections = (uint32_t)atoi(option(count, words, "connections", "32"));
    uint64_t requests = strtoull(option(count, words, "requests", "0"), NULL, 10);
    double seconds = atof(option(count, words, "seconds", "0"));
    size_t body_length;
    char *body = slurp(option(count, words, "body", NULL), &body_length);
    request_template = malloc(body_length + 4096);
    size_t head = (size_t)snprintf(request_template, 4096, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\n%sContent-Length: %zu\r\n\r\n",
                                   option(count, words, "path", NULL), option(count, words, "type", "application/json"),
                                   option(count, words, "headers", ""), body_length);
    memcpy(request_template + head, body, body_length + 1);
    request_length = head + body_length;
    for (char *p = request_template; (p = strstr(p, "@0000000000000000000")) && stamp_count < 16384; p++) stamps[stamp_count++] = (size_t)(p - request_template) + 1;

    int poll = epoll_create1(0);
    Publisher *all = calloc(connections, sizeof *all);
    for (uint32_t i = 0; i < connections; i++) {
        all[i].fd = dial(port, i, SOCK_NONBLOCK);
        all[i].request = malloc(request_length);
        memcpy(all[i].request, request_template, request_length);
        watch(poll, EPOLL_CTL_ADD, all[i].fd, EPOLLOUT, i);
    }
    uint64_t asked = 0, answered = 0, good = 0, room = requests ? requests : 4000000, *took = malloc(room * sizeof *took), began = now_ns(), ended = began;
    struct epoll_event events[256];
    while ((!requests || answered < requests) && (seconds == 0 || (double)(now_ns() - began) < seconds * 1e9)) {
        int n = epoll_wait(poll, events, 256, 100);
        for (int i = 0; i < n; i++) {
            Publisher *p = &all[events[i].data.u32];
            if (events[i].events & EPOLLIN) {
                ssize_t got = read(p->fd, p->answer + p->have, sizeof p->answer - p->have);
                if (got < 0 && errno == EAGAIN) continue;
                if (got <= 0) die("publisher %u: closed by the server", events[i].data.u32);
                p->have += (size_t)got;
                p->seen += (uint64_t)got;
                Reply reply;
                if (!parse_reply(p->answer, p->have, &reply)) continue;
                if (p->have == sizeof p->answer) p->have = reply.head;  // a long answer: its head is all we need
                if (p->seen < reply.head + reply.body) continue;
                p->have = p->sent = p->seen = 0;
                ended = now_ns();
                if (answered < room) took[answered] = ended - p->asked;
                answered++;
                if (reply.status >= 200 && reply.status < 300)
                    good++;
                else if (answered - good == 1)
                    fprintf(stderr, "first refusal: %.*s\n", (int)(reply.head + (reply.body < 300 ? reply.body : 300)), p->answer);
            }
            if (p->sent == 0 && p->have == 0) {
                if (requests && asked == requests) continue;
                asked++;
                p->asked = stamp(p->request);
            }
            if (p->sent < request_length) {
                ssize_t put = write(p->fd, p->request + p->sent, request_length - p->sent);
                if (put < 0 && errno != EAGAIN) die("write: %s", strerror(errno));
                if (put > 0) p->sent += (size_t)put;
                watch(poll, EPOLL_CTL_MOD, p->fd, p->sent < request_length ? EPOLLOUT : EPOLLIN, events[i].data.u32);
            }
        }
    }
    size_t kept = answered < room ? answered : room;
    qsort(took, kept, sizeof *took, later);
    printf("{\"answered\":%llu,\"good\":%llu,\"began_ns\":%llu,\"seconds\":%.6f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n", (unsigned long long)answered,
           (unsigned long long)good, (unsigned long long)began, (double)(ended - began) / 1e9, kept ? (double)took[kept / 2] / 1e6 : 0,
           kept ? (double)took[(size_t)((double)kept * .99)] / 1e6 : 0);
    return 0;
}
