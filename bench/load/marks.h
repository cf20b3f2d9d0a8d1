// Received events: they are found by their mark "@<nanoseconds>;", whatever the transport wraps around it.
#ifndef MARKS_H
#define MARKS_H
#include "wire.h"

#define TABLE (1u << 16)  // places for distinct marks; a run sends far fewer
#define STEPS 32          // histogram steps in each power of two: 3 % exact

typedef struct {
    uint64_t stamp, last;
    uint32_t count;
} Mark;

typedef struct {
    uint64_t number, previous;  // the mark being read; the last one read
    uint8_t inside;
} Scanner;  // one for each connection

static Mark marks[TABLE];
static uint64_t histogram[64 * STEPS], heard, first_heard, last_heard, slowest, out_of_order;
static uint32_t distinct;

static inline Mark *mark_of(uint64_t stamp) {
    static Mark *recent = marks;  // neighbours on the wire are mostly the same event or the next one
    if (recent->stamp == stamp) return recent;
    uint32_t place = (uint32_t)((stamp * 0x9e3779b97f4a7c15u) >> 48);
    while (marks[place].stamp && marks[place].stamp != stamp) place = (place + 1) & (TABLE - 1);
    if (!marks[place].stamp) {
        if (distinct == TABLE - 1) return NULL;
        marks[place].stamp = stamp;
        distinct++;
    }
    return recent = &marks[place];
}

static inline void hear(Scanner *scanner, uint64_t now) {
    uint64_t stamp = scanner->number, late = now > stamp ? now - stamp : 1;
    if (stamp <= scanner->previous) out_of_order++;  // repeated, or overtaken
    scanner->previous = stamp;
    int power = 63 - __builtin_clzll(late);
    histogram[power * STEPS + (int)((power > 5 ? late >> (power - 5) : late << (5 - power)) & (STEPS - 1))]++;
    if (late > slowest) slowest = late;
    if (!heard++) first_heard = now;
    last_heard = now;
    Mark *mark = mark_of(stamp);
    if (mark) mark->count++, mark->last = now;
}

// Finds the marks in the next bytes of a connection; a mark may be cut anywhere.
static inline void scan(Scanner *scanner, const char *text, size_t length, uint64_t now) {
    const char *end = text + length;
    for (;;) {
        if (!scanner->inside) {
            text = memchr(text, '@', (size_t)(end - text));
            if (!text) return;
            text++;
            scanner->inside = 1;
            scanner->number = 0;
        }
        while (text < end && *text >= '0' && *text <= '9') scanner->number = scanner->number * 10 + (uint64_t)(*text++ - '0');
        if (text == end) return;
        if (*text == ';' && scanner->number) hear(scanner, now);
        scanner->inside = 0;
    }
}

static inline double percentile_ms(double share) {
    uint64_t left = (uint64_t)((double)heard * share);
    for (int i = 0; i < 64 * STEPS; i++) {
        if (histogram[i] > left) return (double)((1ull << (i / STEPS)) + ((uint64_t)(i % STEPS) << (i / STEPS)) / STEPS) / 1e6;
        left -= histogram[i];
    }
    return (double)slowest / 1e6;
}

// Prints the members of a JSON object, without its braces; `each` adds [stamp, count, last] of every event.
static inline void print_heard(int each) {
    printf("\"heard\":%llu,\"out_of_order\":%llu,\"first_ns\":%llu,\"last_ns\":%llu", (unsigned long long)heard,
           (unsigned long long)out_of_order, (unsigned long long)first_heard, (unsigned long long)last_heard);
    printf(",\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,\"marks\":[", percentile_ms(.5), percentile_ms(.99), (double)slowest / 1e6);
    const char *comma = "";
    for (uint32_t i = 0; each && i < TABLE; i++)
        if (marks[i].stamp) {
            printf("%s[%llu,%u,%llu]", comma, (unsigned long long)marks[i].stamp, marks[i].count, (unsigned long long)marks[i].last);
            comma = ",";
        }
    printf("]");
}
#endif
