
/*
 * A control of the harness: a read behind the end of pool memory must end the
 * program, which proves that the sanitizer watches the pools.
 */

#include "unit.h"


void
unit_main(void)
{
    volatile u_char  *p;

    CHECK(1 == 1);

    p = ngx_palloc(unit_pool, 16);

    CHECK(p[16] == 0 || p[16] != 0);
}
