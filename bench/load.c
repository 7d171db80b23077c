
/*
 * The client of bench/run.sh: many kept-alive connections that post one body
 * over and over, from one thread.  It counts what comes back: answers, events
 * of streams (marked with "@@" and 16 digits by bench/mock), and how long an
 * event took since the mock sent it.
 *
 *   load PORT PATH BODY [option value]...
 *
 *   -c N      connections                                          (64)
 *   -t SEC    ends after so many seconds                           (2)
 *   -n N      ends when each connection had so many answers        (no end)
 *   -r N      starts so many connections in a second               (all)
 *   -e N      events that an answer must have                      (0)
 *   -k KEY    sent in "Authorization: Bearer KEY"                  (none)
 *   -u PATH -b BODY    one more connection posts this besides
 *   -m PORT            is the provider (bench/mock) itself, and never sleeps
 *
 * With -m the gateway has nobody to wake: what it costs to wake a process on
 * another core depends on how often that has to wait, that is, on how fast the
 * gateway is, and hides the rest.
 *
 * Prints one line: n=answers bad= lost=events missing ev50= ev99= evmax=
 * (microseconds, of events with a clock) side=answers to -b asked=requests that
 * came to the provider of -m.
 * An answer with another status than 200, or with a wrong number of events, or
 * with events out of order, is bad.  -n waits for at most 60 s.
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


#define HEAD      8192
#define SLOT      10            /* microseconds in one slot of the histogram */
#define SLOTS     200000        /* up to 2 s */
#define PATIENCE  60


typedef struct {
    char        *data;
    size_t       len;
} text_t;


typedef enum {
    st_idle = 0,
    st_send,
    st_head,
    st_body,                    /* of known length */
    st_size,                    /* of a chunk */
    st_chunk,
    st_tail,                    /* line end behind a chunk */
    st_end                      /* line end behind the last one */
} state_t;


typedef struct {
    int          fd;
    state_t      state;
    text_t      *request;
    size_t       sent;
    uint64_t     left;          /* bytes of the body or of the chunk */
    uint64_t     size;
    int          status;
    int          events;
    int          rounds;
    int          mark;          /* bytes of a mark that were seen */
    uint64_t     value;
    uint64_t     latest;
    size_t       nhead;
    unsigned     waits:1;
    unsigned     disorder:1;
    unsigned     side:1;
    char         head[HEAD];
} conn_t;


int mock_start(int port);
void mock_turn(int wait);
uint64_t mock_asked(void);


static int        ep, expected;
static uint64_t   answers, bad, lost, side, delays;
static uint32_t   histogram[SLOTS];
static uint64_t   longest;
static uint64_t   clock_now;

static struct sockaddr_in  addr;


static uint64_t
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


static text_t
make_request(const char *path, const char *file, const char *key)
{
    int      n;
    FILE    *f;
    long     len;
    text_t   t;

    f = fopen(file, "rb");

    if (f == NULL || fseek(f, 0, SEEK_END) == -1 || (len = ftell(f)) < 0) {
        perror(file);
        exit(2);
    }

    rewind(f);

    t.data = malloc(len + strlen(path) + (key ? strlen(key) : 0) + 256);

    if (t.data == NULL) {
        abort();
    }

    n = sprintf(t.data, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                "Content-Type: application/json\r\nContent-Length: %ld\r\n",
                path, len);

    if (key) {
        n += sprintf(t.data + n, "Authorization: Bearer %s\r\n", key);
    }

    n += sprintf(t.data + n, "\r\n");

    if (fread(t.data + n, 1, len, f) != (size_t) len) {
        perror(file);
        exit(2);
    }

    fclose(f);

    t.len = n + len;

    return t;
}


static void
wait_for(conn_t *c, int out)
{
    struct epoll_event  ee;

    if (c->waits != out) {
        c->waits = out;
        ee.events = EPOLLIN | (out ? EPOLLOUT : 0);
        ee.data.ptr = c;
        epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ee);
    }
}


static void
fail(conn_t *c)
{
    if (c->state != st_idle) {
        bad++;
        lost += expected > c->events ? expected - c->events : 0;
    }

    close(c->fd);
    c->fd = -1;
    c->state = st_idle;
}


static void
push(conn_t *c)
{
    ssize_t  n;

    while (c->sent < c->request->len) {
        n = send(c->fd, c->request->data + c->sent,
                 c->request->len - c->sent, MSG_NOSIGNAL);

        if (n < 0) {
            if (errno == EAGAIN || errno == ENOTCONN) {
                wait_for(c, 1);
                return;
            }

            fail(c);
            return;
        }

        c->sent += n;
    }

    wait_for(c, 0);
    c->state = st_head;
}


static void
begin(conn_t *c)
{
    c->state = st_send;
    c->sent = 0;
    c->nhead = 0;
    c->events = 0;
    c->mark = 0;
    c->latest = 0;
    c->disorder = 0;
    push(c);
}


static int
start(conn_t *c)
{
    int                 one;
    struct epoll_event  ee;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (c->fd == -1) {
        perror("load: socket");
        return -1;
    }

    one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

    if (connect(c->fd, (struct sockaddr *) &addr, sizeof(addr)) == -1
        && errno != EINPROGRESS)
    {
        perror("load: connect");
        close(c->fd);
        c->fd = -1;
        return -1;
    }

    ee.events = EPOLLIN;
    ee.data.ptr = c;
    epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ee);

    c->waits = 0;
    begin(c);

    return 0;
}


static void
marked(conn_t *c)
{
    uint64_t  delay;

    c->events++;

    if (c->value < c->latest) {
        c->disorder = 1;
    }

    c->latest = c->value;

    if (c->value == 0 || c->side) {
        return;
    }

    delay = clock_now > c->value ? clock_now - c->value : 0;

    histogram[delay / SLOT < SLOTS ? delay / SLOT : SLOTS - 1]++;
    delays++;

    if (delay > longest) {
        longest = delay;
    }
}


/* looks for "@@" and 16 digits, which may come in pieces */

static void
text(conn_t *c, const char *p, size_t len)
{
    const char  *last;

    for (last = p + len; p < last; p++) {

        if (c->mark == 0) {
            p = memchr(p, '@', last - p);

            if (p == NULL) {
                return;
            }

            c->mark = 1;

        } else if (c->mark == 1) {
            c->mark = (*p == '@') ? 2 : 0;
            c->value = 0;

        } else if (*p >= '0' && *p <= '9') {
            c->value = c->value * 10 + (*p - '0');

            if (++c->mark == 18) {
                c->mark = 0;
                marked(c);
            }

        } else {
            c->mark = 0;
        }
    }
}


static void
done(conn_t *c)
{
    int  missing;

    missing = c->side ? 0 : expected - c->events;

    if (missing > 0) {
        lost += missing;
    }

    if (c->status != 200 || missing != 0 || c->disorder) {
        bad++;

    } else if (c->side) {
        side++;

    } else {
        answers++;
    }

    c->rounds++;
    c->state = st_idle;
}


/* the header is whole; returns the place behind it, NULL to read on */

static const char *
head(conn_t *c, const char *p, const char *last)
{
    char    *end, *v;
    size_t   n;

    n = last - p;

    if (n > HEAD - 1 - c->nhead) {
        n = HEAD - 1 - c->nhead;
    }

    memcpy(c->head + c->nhead, p, n);
    c->head[c->nhead + n] = '\0';

    end = strstr(c->head, "\r\n\r\n");

    if (end == NULL) {
        c->nhead += n;

        if (c->nhead == HEAD - 1) {
            fail(c);
        }

        return NULL;
    }

    end[2] = '\0';
    c->status = (strlen(c->head) > 12) ? atoi(c->head + 9) : 0;

    v = strcasestr(c->head, "\r\nContent-Length:");

    if (v) {
        c->left = strtoull(v + 17, NULL, 10);
        c->state = st_body;

    } else {
        c->size = 0;
        c->state = st_size;
    }

    return p + (end + 4 - (c->head + c->nhead));
}


static void
answer(conn_t *c, const char *p, size_t len)
{
    size_t       n;
    const char  *last;

    last = p + len;

    while (p && (p < last || (c->state == st_body && c->left == 0))) {

        switch (c->state) {

        case st_head:
            p = head(c, p, last);
            break;

        case st_body:
        case st_chunk:
            n = last - p;
            n = n < c->left ? n : c->left;

            text(c, p, n);

            p += n;
            c->left -= n;

            if (c->left == 0) {
                if (c->state == st_body) {
                    done(c);
                    return;
                }

                c->state = st_tail;
            }

            break;

        case st_size:
            if (*p == '\n') {
                c->left = c->size;
                c->state = c->size ? st_chunk : st_end;

            } else if (*p >= '0' && *p <= '9') {
                c->size = c->size * 16 + (*p - '0');

            } else if ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'f') {
                c->size = c->size * 16 + ((*p | 0x20) - 'a' + 10);
            }

            p++;
            break;

        case st_tail:
        case st_end:
            if (*p++ != '\n') {
                break;
            }

            if (c->state == st_end) {
                done(c);
                return;
            }

            c->size = 0;
            c->state = st_size;
            break;

        default:

            /* bytes that nobody asked for */

            fail(c);
            return;
        }
    }
}


static void
readable(conn_t *c)
{
    ssize_t      n;
    static char  buf[262144];

    while (c->fd != -1 && c->state != st_idle) {
        n = recv(c->fd, buf, sizeof(buf), 0);

        if (n < 0 && errno == EAGAIN) {
            return;
        }

        if (n <= 0) {
            fail(c);
            return;
        }

        answer(c, buf, n);
    }
}


static uint64_t
percentile(double part)
{
    uint64_t  sum;
    size_t    i;

    sum = 0;

    for (i = 0; i < SLOTS; i++) {
        sum += histogram[i];

        if (delays && sum >= delays * part) {
            return (i + 1) * SLOT;
        }
    }

    return 0;
}


int
main(int argc, char **argv)
{
    int                  i, n, opt, nconns, busy, started, rounds, rate, mock;
    conn_t              *conns, *c, other;
    double               seconds;
    text_t               request, side_request;
    uint64_t             t0, end, t;
    const char          *side_path, *side_body, *key;
    struct epoll_event   events[512];

    nconns = 64;
    mock = 0;
    rounds = 0;
    rate = 0;
    seconds = 2;
    side_path = NULL;
    side_body = NULL;
    key = NULL;

    optind = 4;

    while (argc > 3 && (opt = getopt(argc, argv, "c:t:n:r:e:k:u:b:m:")) != -1) {
        switch (opt) {
        case 'c': nconns = atoi(optarg); break;
        case 't': seconds = atof(optarg); break;
        case 'n': rounds = atoi(optarg); break;
        case 'r': rate = atoi(optarg); break;
        case 'e': expected = atoi(optarg); break;
        case 'k': key = optarg; break;
        case 'u': side_path = optarg; break;
        case 'b': side_body = optarg; break;
        case 'm': mock = atoi(optarg); break;
        default: argc = 0;
        }
    }

    if (argc < 4 || nconns < 1 || !side_path != !side_body) {
        fprintf(stderr, "usage: load PORT PATH BODY [-c n] [-t s] [-n n] "
                "[-r n] [-e n] [-u path -b body] [-m port]\n");
        return 2;
    }

    prctl(PR_SET_PDEATHSIG, SIGTERM);

    memset(&addr, 0, sizeof(addr));
    addr.sin_family = AF_INET;
    addr.sin_port = htons(atoi(argv[1]));
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    request = make_request(argv[2], argv[3], key);

    if (mock && mock_start(mock) == -1) {
        return 1;
    }

    ep = epoll_create1(0);
    conns = calloc(nconns, sizeof(conn_t));

    if (conns == NULL) {
        abort();
    }

    memset(&other, 0, sizeof(conn_t));

    t0 = now();
    end = t0 + (uint64_t) ((rounds ? PATIENCE : seconds) * 1e6);
    started = 0;

    if (side_path) {
        side_request = make_request(side_path, side_body, key);
        other.request = &side_request;
        other.side = 1;

        if (start(&other) == -1) {
            return 1;
        }
    }

    for ( ;; ) {
        t = now();
        busy = 0;

        while (started < nconns
               && (rate == 0
                   || (uint64_t) started * 1000000 <= (t - t0) * rate))
        {
            conns[started].request = &request;

            if (start(&conns[started++]) == -1) {
                return 1;
            }
        }

        if (rounds) {
            for (i = 0; i < started; i++) {
                busy += conns[i].state != st_idle;
            }

            if (started == nconns && busy == 0) {
                break;
            }
        }

        if (t >= end) {
            break;
        }

        if (mock) {
            mock_turn(0);
        }

        n = epoll_wait(ep, events, 512,
                       mock ? 0 : (started < nconns ? 1 : 100));

        clock_now = now();

        for (i = 0; i < n; i++) {
            c = events[i].data.ptr;

            if (c->fd == -1) {
                continue;
            }

            if ((events[i].events & EPOLLOUT) && c->state == st_send) {
                push(c);
            }

            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                readable(c);
            }

            if (c->fd == -1 || c->state != st_idle) {
                continue;
            }

            if (c->side || rounds == 0 || c->rounds < rounds) {
                begin(c);
            }
        }
    }

    /* streams that did not come to their end */

    for (i = 0; rounds && i < nconns; i++) {
        if (conns[i].state != st_idle) {
            fail(&conns[i]);
        }
    }

    printf("n=%llu bad=%llu lost=%llu us=%llu ev50=%llu ev99=%llu evmax=%llu "
           "side=%llu asked=%llu\n",
           (unsigned long long) answers, (unsigned long long) bad,
           (unsigned long long) lost, (unsigned long long) (now() - t0),
           (unsigned long long) percentile(0.50),
           (unsigned long long) percentile(0.99),
           (unsigned long long) longest, (unsigned long long) side,
           (unsigned long long) mock_asked());

    return 0;
}
