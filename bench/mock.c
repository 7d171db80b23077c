
/*
 * The provider of bench/run.sh: answers at once and always the same, so that
 * what is measured is the gateway.  One thread, one epoll, loopback only.
 *
 *   mock PORT [SECONDS]        ends after so many seconds (900), or with the
 *                              shell that started it
 *
 * The first part of the path says what is answered, its end in which dialect
 * (".../messages": Anthropic, else OpenAI):
 *
 *   /c/...    an answer of about 1 KB
 *   /s/...    a stream of 100 events in one write
 *   /t/...    a stream of 20 events, 50 ms between them
 *
 * Each event of a stream has "@@" and 16 digits in its text: the monotonic
 * clock in microseconds (0 in /s/), by which bench/load counts and measures.
 * GET /count gives the number of requests answered.
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


#define HEAD     8192           /* bytes of a request's header, at most */
#define FAST     100            /* events of /s/ */
#define SLOW     20             /* events of /t/ */
#define GAP      50000          /* microseconds between them */
#define CONNS    65536

#define OPENAI     0
#define ANTHROPIC  1


typedef struct conn_s  conn_t;

struct conn_s {
    int          fd;
    size_t       head;          /* bytes in buf */
    uint64_t     body;          /* bytes of the body to come */
    const char  *out;
    size_t       left;
    int          dialect;
    int          event;         /* of a slow stream: the next one; 0: none */
    uint64_t     due;
    conn_t      *next;          /* in the order of due */
    conn_t      *prev;
    unsigned     waits:1;       /* for EPOLLOUT */
    unsigned     queued:1;
    char         slow[1024];    /* one event of a slow stream */
    char         buf[HEAD];
};


typedef struct {
    char        *data;
    size_t       len;
    size_t       size;
} text_t;


int mock_start(int port);
void mock_turn(int wait);
uint64_t mock_asked(void);


static int        ep, ls;
static uint64_t   answered;
static conn_t    *conns[CONNS];
static conn_t    *first, *last;
static text_t     plain[2], stream[2], start[2], end[2];


static uint64_t
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


static void
append(text_t *t, const char *s, size_t len)
{
    if (t->len + len > t->size) {
        t->size = 2 * (t->len + len);
        t->data = realloc(t->data, t->size);

        if (t->data == NULL) {
            abort();
        }
    }

    memcpy(t->data + t->len, s, len);
    t->len += len;
}


static void
add(text_t *t, const char *s)
{
    append(t, s, strlen(s));
}


static void
chunk(text_t *t, const char *s)
{
    char  size[32];

    append(t, size, snprintf(size, sizeof(size), "%zx\r\n", strlen(s)));
    add(t, s);
    add(t, "\r\n");
}


/* one event with text, about 200 bytes as OpenAI sends them */

static const char *
event(int dialect, uint64_t stamp)
{
    static char  s[512];

    snprintf(s, sizeof(s), dialect == ANTHROPIC
             ? "event: content_block_delta\ndata: {\"type\":"
               "\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
               "\"text_delta\",\"text\":\" word @@%016llu\"}}\n\n"
             : "data: {\"id\":\"chatcmpl-0123456789\",\"object\":"
               "\"chat.completion.chunk\",\"created\":1700000000,\"model\":"
               "\"bench\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
               "\" word @@%016llu\"},\"finish_reason\":null}]}\n\n",
             (unsigned long long) stamp);

    return s;
}


static void
render(void)
{
    int      i;
    char     head[256];
    text_t   body[2];

    static const char  sse[] =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        "Transfer-Encoding: chunked\r\n\r\n";

    memset(body, 0, sizeof(body));

    add(&body[OPENAI], "{\"id\":\"chatcmpl-0123456789\",\"object\":"
        "\"chat.completion\",\"created\":1700000000,\"model\":\"bench\","
        "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
        "\"content\":\"");
    add(&body[ANTHROPIC], "{\"id\":\"msg_0123456789\",\"type\":\"message\","
        "\"role\":\"assistant\",\"model\":\"bench\",\"content\":[{\"type\":"
        "\"text\",\"text\":\"");

    for (i = 0; i < 10; i++) {
        add(&body[OPENAI], "The worker reads an event, \\\"looks\\\" at it "
            "and sends it on at once.\\n");
        add(&body[ANTHROPIC], "The worker reads an event, \\\"looks\\\" at "
            "it and sends it on at once.\\n");
    }

    add(&body[OPENAI], "\"},\"finish_reason\":\"stop\"}],\"usage\":{"
        "\"prompt_tokens\":420,\"completion_tokens\":170,\"total_tokens\":590,"
        "\"prompt_tokens_details\":{\"cached_tokens\":0}}}");
    add(&body[ANTHROPIC], "\"}],\"stop_reason\":\"end_turn\","
        "\"stop_sequence\":null,\"usage\":{\"input_tokens\":420,"
        "\"output_tokens\":170}}");

    for (i = 0; i < 2; i++) {
        append(&plain[i], head, snprintf(head, sizeof(head), "HTTP/1.1 200 OK"
               "\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
               "\r\n", body[i].len));
        append(&plain[i], body[i].data, body[i].len);

        add(&start[i], sse);
    }

    chunk(&start[OPENAI], "data: {\"id\":\"chatcmpl-0123456789\",\"object\":"
          "\"chat.completion.chunk\",\"created\":1700000000,\"model\":"
          "\"bench\",\"choices\":[{\"index\":0,\"delta\":{\"role\":"
          "\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n");

    chunk(&start[ANTHROPIC], "event: message_start\ndata: {\"type\":"
          "\"message_start\",\"message\":{\"id\":\"msg_0123456789\",\"type\":"
          "\"message\",\"role\":\"assistant\",\"model\":\"bench\",\"content\":"
          "[],\"stop_reason\":null,\"usage\":{\"input_tokens\":420,"
          "\"output_tokens\":1}}}\n\n");
    chunk(&start[ANTHROPIC], "event: content_block_start\ndata: {\"type\":"
          "\"content_block_start\",\"index\":0,\"content_block\":{\"type\":"
          "\"text\",\"text\":\"\"}}\n\n");

    chunk(&end[OPENAI], "data: {\"id\":\"chatcmpl-0123456789\",\"object\":"
          "\"chat.completion.chunk\",\"created\":1700000000,\"model\":"
          "\"bench\",\"choices\":[{\"index\":0,\"delta\":{},"
          "\"finish_reason\":\"stop\"}]}\n\n");
    chunk(&end[OPENAI], "data: {\"id\":\"chatcmpl-0123456789\",\"object\":"
          "\"chat.completion.chunk\",\"created\":1700000000,\"model\":"
          "\"bench\",\"choices\":[],\"usage\":{\"prompt_tokens\":420,"
          "\"completion_tokens\":100,\"total_tokens\":520}}\n\n");
    chunk(&end[OPENAI], "data: [DONE]\n\n");

    chunk(&end[ANTHROPIC], "event: content_block_stop\ndata: {\"type\":"
          "\"content_block_stop\",\"index\":0}\n\n");
    chunk(&end[ANTHROPIC], "event: message_delta\ndata: {\"type\":"
          "\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
          "\"usage\":{\"output_tokens\":100}}\n\n");
    chunk(&end[ANTHROPIC], "event: message_stop\ndata: {\"type\":"
          "\"message_stop\"}\n\n");

    for (i = 0; i < 2; i++) {
        int  n;

        append(&stream[i], start[i].data, start[i].len);

        for (n = 0; n < FAST; n++) {
            chunk(&stream[i], event(i, 0));
        }

        add(&end[i], "0\r\n\r\n");
        append(&stream[i], end[i].data, end[i].len);
    }
}


static void
dequeue(conn_t *c)
{
    if (!c->queued) {
        return;
    }

    *(c->prev ? &c->prev->next : &first) = c->next;
    *(c->next ? &c->next->prev : &last) = c->prev;
    c->queued = 0;
}


static void
queue(conn_t *c, uint64_t due)
{
    c->due = due;
    c->next = NULL;
    c->prev = last;
    *(last ? &last->next : &first) = c;
    last = c;
    c->queued = 1;
}


static void
drop(conn_t *c)
{
    dequeue(c);
    close(c->fd);
    conns[c->fd] = NULL;
    free(c);
}


static void
wait_for(conn_t *c, int out)
{
    struct epoll_event  ee;

    if (c->waits != out) {
        c->waits = out;
        ee.events = EPOLLIN | (out ? EPOLLOUT : 0);
        ee.data.fd = c->fd;
        epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ee);
    }
}


/* -1: the connection is gone */

static int
put(conn_t *c)
{
    ssize_t  n;

    while (c->left) {
        n = send(c->fd, c->out, c->left, MSG_NOSIGNAL);

        if (n < 0) {
            if (errno == EAGAIN) {
                wait_for(c, 1);
                return 0;
            }

            drop(c);
            return -1;
        }

        c->out += n;
        c->left -= n;
    }

    wait_for(c, 0);

    return 0;
}


static void
slow_event(conn_t *c)
{
    int          n;
    const char  *s;

    if (c->left) {

        /* the gateway does not read: later */

        queue(c, now() + GAP);
        return;
    }

    if (c->event > SLOW) {
        c->event = 0;
        c->out = end[c->dialect].data;
        c->left = end[c->dialect].len;
        (void) put(c);
        return;
    }

    s = event(c->dialect, now());
    n = snprintf(c->slow, sizeof(c->slow), "%zx\r\n%s\r\n", strlen(s), s);

    c->event++;
    c->out = c->slow;
    c->left = n;

    if (put(c) == 0) {
        queue(c, now() + GAP);
    }
}


/* the request is whole; -1: the connection is gone */

static int
answer(conn_t *c, const char *head)
{
    int          n;
    char        *path, *space;

    path = strchr(head, ' ');
    space = path ? strchr(path + 1, ' ') : NULL;

    if (space == NULL) {
        drop(c);
        return -1;
    }

    *space = '\0';
    path++;

    c->dialect = (space - path >= 9 && strcmp(space - 9, "/messages") == 0)
                 ? ANTHROPIC : OPENAI;

    if (strcmp(path, "/count") == 0) {
        n = snprintf(c->slow, sizeof(c->slow), "HTTP/1.1 200 OK\r\n"
                     "Content-Length: %d\r\n\r\n%012llu\n", 13,
                     (unsigned long long) answered);
        c->out = c->slow;
        c->left = n;
        return put(c);
    }

    answered++;

    switch (path[1]) {

    case 's':
        c->out = stream[c->dialect].data;
        c->left = stream[c->dialect].len;
        return put(c);

    case 't':
        c->out = start[c->dialect].data;
        c->left = start[c->dialect].len;
        c->event = 1;
        queue(c, now() + GAP);
        return put(c);

    default:
        c->out = plain[c->dialect].data;
        c->left = plain[c->dialect].len;
        return put(c);
    }
}


/* -1: the connection is gone */

static int
request(conn_t *c)
{
    char    *end_of_head, *p;
    size_t   rest;

    for ( ;; ) {
        c->buf[c->head] = '\0';
        end_of_head = strstr(c->buf, "\r\n\r\n");

        if (end_of_head == NULL) {
            if (c->head == HEAD - 1) {
                drop(c);
                return -1;
            }

            return 0;
        }

        *end_of_head = '\0';

        p = strcasestr(c->buf, "\r\nContent-Length:");
        c->body = p ? strtoull(p + 17, NULL, 10) : 0;

        end_of_head += 4;
        rest = c->buf + c->head - end_of_head;

        if (rest < c->body) {

            /* the rest is not kept: only the first line is needed later */

            c->body -= rest;
            c->head = strlen(c->buf) + 1;
            return 1;
        }

        rest -= c->body;
        c->body = 0;

        if (answer(c, c->buf) == -1) {
            return -1;
        }

        memmove(c->buf, c->buf + c->head - rest, rest);
        c->head = rest;

        if (rest == 0) {
            return 0;
        }
    }
}


static void
readable(conn_t *c)
{
    ssize_t      n;
    static char  sink[262144];

    for ( ;; ) {

        if (c->body) {
            n = recv(c->fd, sink, c->body < sizeof(sink) ? c->body
                                                         : sizeof(sink), 0);
        } else {
            n = recv(c->fd, c->buf + c->head, HEAD - 1 - c->head, 0);
        }

        if (n < 0 && errno == EAGAIN) {
            return;
        }

        if (n <= 0) {
            drop(c);
            return;
        }

        if (c->body) {
            c->body -= n;

            if (c->body == 0) {
                c->head = 0;

                if (answer(c, c->buf) == -1) {
                    return;
                }
            }

            continue;
        }

        c->head += n;

        if (request(c) == -1) {
            return;
        }
    }
}


static void
accept_all(void)
{
    int                 fd, one;
    conn_t             *c;
    struct epoll_event  ee;

    while ((fd = accept4(ls, NULL, NULL, SOCK_NONBLOCK)) >= 0) {

        c = (fd < CONNS) ? calloc(1, sizeof(conn_t)) : NULL;
        if (c == NULL) {
            close(fd);
            continue;
        }

        one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

        c->fd = fd;
        conns[fd] = c;

        ee.events = EPOLLIN;
        ee.data.fd = fd;
        epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ee);
    }
}


/* for bench/load, too, which can be its own provider */

int
mock_start(int port)
{
    int                  one;
    struct sockaddr_in   addr;
    struct epoll_event   ee;

    render();

    ls = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    one = 1;
    setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));

    memset(&addr, 0, sizeof(addr));
    addr.sin_family = AF_INET;
    addr.sin_port = htons(port);
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    if (bind(ls, (struct sockaddr *) &addr, sizeof(addr)) == -1
        || listen(ls, 4096) == -1)
    {
        perror("mock");
        return -1;
    }

    ep = epoll_create1(0);
    ee.events = EPOLLIN;
    ee.data.fd = ls;
    epoll_ctl(ep, EPOLL_CTL_ADD, ls, &ee);

    return 0;
}


void
mock_turn(int wait)
{
    int                  i, n, timeout;
    conn_t              *c;
    uint64_t             t;
    struct epoll_event   events[512];

    t = now();

    while (first && first->due <= t) {
        c = first;
        dequeue(c);
        slow_event(c);
    }

    timeout = first ? (int) ((first->due - t) / 1000) + 1 : -1;

    n = epoll_wait(ep, events, 512, wait ? timeout : 0);

    for (i = 0; i < n; i++) {

        if (events[i].data.fd == ls) {
            accept_all();
            continue;
        }

        c = conns[events[i].data.fd];

        if (c && (events[i].events & EPOLLOUT) && put(c) == -1) {
            continue;
        }

        if (c && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
            readable(c);
        }
    }
}


uint64_t
mock_asked(void)
{
    return answered;
}


#ifndef MOCK_PART

int
main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: mock PORT [SECONDS]\n");
        return 2;
    }

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    alarm(argc > 2 ? atoi(argv[2]) : 900);

    if (mock_start(atoi(argv[1])) == -1) {
        return 1;
    }

    for ( ;; ) {
        mock_turn(1);
    }
}

#endif
