// listen: many open streams (SSE or WebSocket) that count and time the events they hear.
//
//   listen port=P streams=N request=FILE [first=0] [window=200] [expect=0] [timeout=60] [ws=0] [say=TEXT] [each=0]
//
// FILE holds the request; %d in it becomes the number of the stream. `window` is how many may be connecting at
// a time (window=N: all at once). Prints {"ready"} when each has had an answer, and what was heard when `expect`
// events have come, after `timeout` seconds, or when standard input ends. `say` is sent as a first WebSocket frame.
#include "marks.h"

typedef struct {
    Scanner scanner;
    int fd;
    uint8_t answered, closed;
} Stream;

typedef struct {
    uint64_t left;      // payload bytes still to come
    uint8_t head[125];  // first the frame's head, then what a ping carries
    uint8_t have, opcode, in_payload;
} Frames;  // RFC 6455, as far as a server that does not mask can make it

static Stream *streams;
static Frames *frames;
static uint64_t received;

static void send_frame(int fd, int opcode, const void *payload, size_t length) {
    uint8_t out[6 + 125] = {(uint8_t)(0x80 | opcode), (uint8_t)(0x80 | length)};  // a mask of zeros is a mask
    memcpy(out + 6, payload, length);
    if (write(fd, out, 6 + length) < 0) die("write: %s", strerror(errno));
}

static void read_frames(Stream *stream, Frames *f, const char *text, size_t length, uint64_t now) {
    const char *end = text + length;
    while (text < end || (f->in_payload && !f->left)) {
        if (!f->in_payload) {
            f->head[f->have++] = (uint8_t)*text++;
            if (f->have < 2) continue;
            int size = f->head[1] & 127, need = size == 126 ? 4 : size == 127 ? 10 : 2;
            if (f->have < need) continue;
            f->left = size < 126 ? (uint64_t)size : 0;
            for (int i = 2; i < need; i++) f->left = f->left << 8 | f->head[i];
            f->opcode = f->head[0] & 15;
            f->in_payload = 1;
            f->have = 0;
            continue;
        }
        size_t part = (size_t)(end - text) < f->left ? (size_t)(end - text) : f->left;
        if (f->opcode < 8)
            scan(&stream->scanner, text, part, now);
        else if (f->have + part <= sizeof f->head)
            memcpy(f->head + f->have, text, part), f->have = (uint8_t)(f->have + part);
        text += part;
        f->left -= part;
        if (f->left) continue;
        if (f->opcode == 9) send_frame(stream->fd, 10, f->head, f->have);
        f->in_payload = f->have = 0;
    }
}

int main(int count, char **words) {
    int port = atoi(option(count, words, "port", NULL)), each = atoi(option(count, words, "each", "0"));
    uint32_t total = (uint32_t)atoi(option(count, words, "streams", NULL)), first = (uint32_t)atoi(option(count, words, "first", "0"));
    uint32_t window = (uint32_t)atoi(option(count, words, "window", "200"));
    uint64_t expect = strtoull(option(count, words, "expect", "0"), NULL, 10);
    double timeout = atof(option(count, words, "timeout", "60")) * 1e9;
    int ws = atoi(option(count, words, "ws", "0"));
    const char *say = option(count, words, "say", "");
    load_tokens(option(count, words, "tokens", ""));
    size_t length;
    char *request = slurp(option(count, words, "request", NULL), &length), out[8192];
    static char text[1 << 18];

    raise_file_limit();
    streams = calloc(total, sizeof *streams);
    if (ws) frames = calloc(total, sizeof *frames);
    int poll = epoll_create1(0), stop = 0;
    watch(poll, EPOLL_CTL_ADD, 0, EPOLLIN, total);
    uint32_t opened = 0, pending = 0, ready = 0, closed = 0;
    uint64_t began = now_ns();
    struct epoll_event events[512];
    while (!stop && (!expect || heard < expect) && closed < total && (double)(now_ns() - began) < timeout) {
        for (; opened < total && pending < window; opened++, pending++) {
            streams[opened].fd = dial(port, first + opened, SOCK_NONBLOCK);
            watch(poll, EPOLL_CTL_ADD, streams[opened].fd, EPOLLOUT, opened);
        }
        int n = epoll_wait(poll, events, 512, 100);
        for (int i = 0; i < n; i++) {
            uint32_t nth = events[i].data.u32;
            if (nth == total) {  // our parent has nothing more to wait for
                stop = 1;
                continue;
            }
            Stream *stream = &streams[nth];
            if (events[i].events & EPOLLOUT) {
                size_t size = fill(out, sizeof out, request, first + nth);
                if (write(stream->fd, out, size) != (ssize_t)size) die("request %u: %s", nth, strerror(errno));
                watch(poll, EPOLL_CTL_MOD, stream->fd, EPOLLIN, nth);
                continue;
            }
            ssize_t got = read(stream->fd, text, sizeof text - 1);
            if (got < 0 && errno == EAGAIN) continue;
            if (got <= 0) {
                closed++;
                if (!stream->answered) pending--;
                close(stream->fd);
                continue;
            }
            uint64_t now = now_ns();
            char *body = text;
            received += (uint64_t)got;
            if (!stream->answered) {  // servers here send the head in one piece
                text[got] = 0;
                body = strstr(text, "\r\n\r\n");
                if (!body || (atoi(text + 9) != (ws ? 101 : 200))) die("stream %u was answered: %.200s", nth, text);
                body += 4;
                stream->answered = 1;
                pending--;
                if (ws && *say) send_frame(stream->fd, 1, say, strlen(say));
                if (++ready == total) printf("{\"ready\":%u,\"seconds\":%.4f}\n", ready, (double)(now - began) / 1e9), fflush(stdout);
            }
            size_t rest = (size_t)(text + got - body);
            if (ws)
                read_frames(stream, &frames[nth], body, rest, now);
            else
                scan(&stream->scanner, body, rest, now);
        }
    }
    printf("{\"ready\":%u,\"closed\":%u,\"bytes\":%llu,\"began_ns\":%llu,", ready, closed, (unsigned long long)received, (unsigned long long)began);
    print_heard(each);
    printf("}\n");
    return 0;
}
