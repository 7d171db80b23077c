
/* A control of the harness: two of three checks must be counted as failed. */

#include "unit.h"


void
unit_main(void)
{
    ngx_str_t  s = ngx_string("a");

    CHECK(1 == 1);
    CHECK_INT(1, 2);
    CHECK_STR(&s, "b");
}
