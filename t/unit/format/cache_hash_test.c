
/*
 * The hash of bodies, as it is for this processor and for every other one: each
 * byte of each length counts, the secret does, bodies that are almost alike are
 * spread evenly, and nothing is read beside the bytes.
 */

#include "unit.h"
#include "ngx_litellm_cache_hash.h"


#define SECRET   0x0123456789abcdefULL
#define LENGTHS  300
#define BODIES   20000
#define BUCKETS  1024


typedef uint64_t (*hash_pt)(uint64_t secret, const u_char *p, size_t len);


static int ngx_libc_cdecl
hash_cmp(const void *one, const void *two)
{
    const uint64_t  *a = one, *b = two;

    return (*a > *b) - (*a < *b);
}


static void
test_bytes(const char *name, hash_pt hash)
{
    uint64_t    h;
    ngx_str_t   s;
    ngx_uint_t  n, i, bit;
    u_char      zero[LENGTHS + 1];

    unit_case("%s: bytes", name);

    ngx_memzero(zero, sizeof(zero));

    for (n = 0; n <= LENGTHS; n++) {

        /* of its exact size */

        s = unit_mem(zero, n);
        h = hash(SECRET, s.data, n);

        CHECK(hash(SECRET, s.data, n) == h);
        CHECK(hash(SECRET + 1, s.data, n) != h);
        CHECK(hash(SECRET, zero, n + 1) != h);

        for (i = 0; i < n; i++) {
            for (bit = 1; bit < 256; bit *= 16) {
                s.data[i] = (u_char) bit;
                CHECKF(hash(SECRET, s.data, n) != h, "byte %d of %d", (int) i,
                       (int) n);
                s.data[i] = 0;
            }
        }
    }
}


/* where it is makes no difference */

static void
test_places(const char *name, hash_pt hash)
{
    u_char      data[LENGTHS + 64];
    uint64_t    h;
    ngx_uint_t  i, n;

    unit_case("%s: places", name);

    for (n = 1; n <= LENGTHS; n += 7) {

        for (i = 0; i < n; i++) {
            data[i] = (u_char) (i * 7);
        }

        h = hash(SECRET, data, n);

        for (i = 1; i < 33; i++) {
            ngx_memmove(data + i, data + i - 1, n);
            CHECK(hash(SECRET, data + i, n) == h);
        }
    }
}


/* a number somewhere in a body, blocks that change places */

static void
test_spread(const char *name, hash_pt hash, size_t len, size_t at)
{
    u_char            *data;
    ngx_uint_t         i, most;
    static uint64_t    h[BODIES];
    static ngx_uint_t  bucket[BUCKETS];

    unit_case("%s: %d bytes, at %d", name, (int) len, (int) at);

    data = ngx_pnalloc(unit_pool, len);
    ngx_memset(data, ' ', len);
    ngx_memzero(bucket, sizeof(bucket));

    for (i = 0; i < BODIES; i++) {
        ngx_sprintf(data + at, "%05ui", i);
        h[i] = hash(SECRET, data, len);
        bucket[h[i] % BUCKETS]++;
    }

    for (i = 0, most = 0; i < BUCKETS; i++) {
        most = ngx_max(most, bucket[i]);
    }

    /* 19.5 on the average */

    CHECKF(most < 50, "%d in one bucket", (int) most);

    qsort(h, BODIES, sizeof(uint64_t), hash_cmp);

    for (i = 1; i < BODIES; i++) {
        if (h[i] == h[i - 1]) {
            break;
        }
    }

    CHECK_INT(i, BODIES);
}


static void
test_order(const char *name, hash_pt hash)
{
    u_char      data[1024], swap[16];
    uint64_t    h;
    ngx_uint_t  i, j;

    unit_case("%s: order", name);

    for (i = 0; i < sizeof(data); i++) {
        data[i] = (u_char) (i / 16);
    }

    h = hash(SECRET, data, sizeof(data));

    for (i = 0; i < sizeof(data); i += 16) {
        for (j = i + 16; j < sizeof(data); j += 16) {
            ngx_memcpy(swap, data + i, 16);
            ngx_memcpy(data + i, data + j, 16);
            ngx_memcpy(data + j, swap, 16);

            CHECKF(hash(SECRET, data, sizeof(data)) != h, "%d and %d",
                   (int) i, (int) j);

            ngx_memcpy(data + j, data + i, 16);
            ngx_memcpy(data + i, swap, 16);
        }
    }
}


static void
test_hash(const char *name, hash_pt hash)
{
    test_bytes(name, hash);
    test_places(name, hash);
    test_order(name, hash);

    test_spread(name, hash, 20, 0);
    test_spread(name, hash, 64, 50);
    test_spread(name, hash, 200, 60);
    test_spread(name, hash, 1500, 700);
    test_spread(name, hash, 1500, 1490);
}


void
unit_main(void)
{
    test_hash("plain", ngx_litellm_cache_hash_plain);
    test_hash("best", ngx_litellm_cache_hash);
}
