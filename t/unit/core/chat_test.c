
/* Empty usage, empty answers, names of finish reasons. */

#include "unit.h"

#include "ngx_litellm_chat.h"


void
unit_main(void)
{
    ngx_str_t             *s;
    ngx_uint_t             i;
    ngx_litellm_usage_t    u;
    ngx_litellm_answer_t   a;

    static const struct {
        ngx_litellm_finish_e   finish;
        const char            *name;
    } names[] = {
        { NGX_LITELLM_FINISH_NONE, "" },
        { NGX_LITELLM_FINISH_STOP, "stop" },
        { NGX_LITELLM_FINISH_LENGTH, "length" },
        { NGX_LITELLM_FINISH_TOOL_CALLS, "tool_calls" },
        { NGX_LITELLM_FINISH_CONTENT_FILTER, "content_filter" },
        { NGX_LITELLM_FINISH_FUNCTION_CALL, "function_call" },
        { (ngx_litellm_finish_e) 17, "" },
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CHECK_STR(ngx_litellm_finish_name(names[i].finish), names[i].name);
    }

    memset(&u, 0x55, sizeof(u));
    ngx_litellm_usage_init(&u);

    CHECK_INT(u.prompt, -1);
    CHECK_INT(u.completion, -1);
    CHECK_INT(u.total, -1);
    CHECK_INT(u.cached, -1);
    CHECK_INT(u.cache_write, -1);
    CHECK_INT(u.reasoning, -1);
    CHECK_INT(u.audio_in, -1);
    CHECK_INT(u.audio_out, -1);
    CHECK_INT(u.known, 0);

    memset(&a, 0x55, sizeof(a));
    CHECK_INT(ngx_litellm_answer_init(&a, unit_pool), NGX_OK);
    CHECK_INT(a.usage.total, -1);
    CHECK_INT(a.finish, NGX_LITELLM_FINISH_NONE);
    CHECK_INT(a.id.len, 0);
    CHECK_INT(a.has_text, 0);
    CHECK_INT(a.text.nelts + a.reasoning.nelts + a.thinking.nelts
              + a.calls.nelts + a.annotations.nelts, 0);

    for (i = 0; i < 10; i++) {
        s = ngx_array_push(&a.text);
        CHECK(s != NULL);
        ngx_memzero(ngx_array_push(&a.thinking), sizeof(ngx_litellm_part_t));
        ngx_memzero(ngx_array_push(&a.calls),
                    sizeof(ngx_litellm_tool_call_t));
    }

    CHECK_INT(a.calls.nelts, 10);
}
