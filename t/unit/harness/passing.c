
/* A control of the harness: three checks that hold (see run.sh). */

#include "unit.h"


void
unit_main(void)
{
    ngx_str_t  s = ngx_string("a");

    CHECK(1 == 1);
    CHECK_INT(-1, -1);
    CHECK_STR(&s, "a");
}
