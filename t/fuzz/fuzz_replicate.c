
/*
 * The Replicate dialect under a client of the chat or completions format: any
 * bytes as a request, as predictions that follow one another (a line each), as
 * an event stream or as an error.  See fuzz_dialect.h for what must hold.
 *
 * The first byte says what the input is and which model and options hold.  Of
 * a request the first line is the model's name, for what a wildcard lets
 * through.
 */

#include "fuzz_dialect.h"


static const char  fuzz_text[] =
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
    "\"stream\":true,\"stream_options\":{\"include_usage\":true}}";


/* a look goes below our own address, a stream to where it may come from */

static void
fuzz_next(fuzz_call_t *f, ngx_litellm_wire_t *wire)
{
    u_char       c;
    ngx_uint_t   i;

    static ngx_str_t  look = ngx_string("/v1/predictions/");

    FUZZ_ASSERT(wire->method.len == 3 && wire->body.size == 0);
    FUZZ_ASSERT(wire->path.len > 0 && wire->path.data[0] == '/');

    for (i = 0; i < wire->path.len; i++) {
        c = wire->path.data[i];
        FUZZ_ASSERT(c > ' ' && c < 0x7f);

        if (!wire->alt && i >= look.len) {
            FUZZ_ASSERT(c != '/' && c != '?' && c != '.' && c != '%');
        }
    }

    if (wire->alt) {
        FUZZ_ASSERT(f->deployment.alt.host.len);
        return;
    }

    FUZZ_ASSERT(wire->path.len > look.len
                && ngx_memcmp(wire->path.data, look.data, look.len) == 0);
}


static void
fuzz_follow(fuzz_call_t *f, ngx_pool_t *pool, ngx_str_t *input,
    ngx_uint_t stream)
{
    u_char               *p, *last, *end;
    ngx_int_t             rc;
    ngx_str_t             body;
    ngx_uint_t            ended;
    ngx_litellm_wire_t    wire;
    ngx_litellm_event_t   ev;

    wire.state = NULL;
    ended = 0;

    p = input->data;
    last = p + input->len;

    while (p < last && !ended) {

        end = ngx_strlchr(p, last, '\n');

        if (end == NULL) {
            end = last;
        }

        body = fuzz_copy(pool, p, end - p);
        p = end + 1;

        fuzz_wire(&wire, pool);

        rc = f->dialect->follow(&f->call, &wire, &body,
                                stream ? &f->stream : NULL, &f->error);

        switch (rc) {

        case NGX_AGAIN:
            fuzz_next(f, &wire);
            ended = wire.alt;
            break;

        case NGX_DECLINED:
            ended = 1;

            if (!stream) {
                fuzz_failed(f, pool);
                return;
            }

            ngx_memzero(&ev, sizeof(ev));
            ev.type = NGX_LITELLM_EV_ERROR;
            ev.error = &f->error;
            (void) fuzz_emit(f, &ev);
            break;

        default:
            FUZZ_ASSERT(rc == NGX_OK);
            ended = 1;

            if (!stream) {
                fuzz_answer(f, pool, &body);
                return;
            }
        }
    }

    fuzz_events(f, pool);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char            *p;
    ngx_str_t          input, request, model;
    ngx_uint_t         options;
    ngx_pool_t        *pool;
    fuzz_what_e        what;
    fuzz_call_t        f;
    ngx_litellm_op_e   op;

    static const char  *models[] = {
        "meta/meta-llama-3-70b-instruct", "meta/llama-2-70b-chat",
        "mistralai/mixtral-8x7b-instruct-v0.1", "openai/gpt-4.1"
    };

    if (size < 1) {
        return 0;
    }

    what = data[0] & 3;
    options = data[0] >> 2;
    op = (options & 0x10) ? NGX_LITELLM_OP_COMPLETIONS : NGX_LITELLM_OP_CHAT;

    pool = fuzz_pool();

    input = fuzz_copy(pool, data + 1, size - 1);
    request = input;
    ngx_str_null(&model);

    if (what != FUZZ_REQUEST) {
        op = NGX_LITELLM_OP_CHAT;
        request.data = (u_char *) fuzz_text;
        request.len = sizeof(fuzz_text) - 1;

    } else if (options & 0x20) {

        p = ngx_strlchr(input.data, input.data + input.len, '\n');

        if (p != NULL) {
            model.data = input.data;
            model.len = p - input.data;
            request.data = p + 1;
            request.len = input.data + input.len - request.data;
        }
    }

    fuzz_call(&f, pool, "replicate", models[options & 3], op, &request);

    ngx_str_set(&f.deployment.url.path, "/v1");

    if (options & 4) {
        ngx_str_set(&f.deployment.alt.host, "stream.replicate.com");
        ngx_str_set(&f.deployment.alt.authority, "stream.replicate.com");
    }

    if (model.len) {
        f.call.provider_model = model;
    }

    f.call.drop_params = (options >> 3) & 1;

    if (what != FUZZ_ANSWER) {
        fuzz_play(&f, pool, what, &input, "input",
                  options & 0x10 ? 400 + (options & 15) : 500);

    } else if (fuzz_open(&f, pool)) {
        fuzz_follow(&f, pool, &input, options & 0x10);
    }

    ngx_destroy_pool(pool);

    return 0;
}
