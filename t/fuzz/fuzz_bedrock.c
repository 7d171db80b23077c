
/*
 * The Bedrock dialects under a client of the chat, completions or embeddings
 * format: any bytes as a request, an answer or an error, as the payloads of a
 * stream or as the answers of an embedding's calls.  See fuzz_dialect.h for
 * what must hold.
 *
 * The first byte says what the input is, the second which model and options
 * hold.
 */

#include "fuzz_dialect.h"
#include "ngx_litellm_bedrock.h"


static const char  fuzz_request_text[] =
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a.b\"}}],"
    "\"stream_options\":{\"include_usage\":true},"
    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
    "{\"schema\":{\"type\":\"object\"}}}}";

static const char  fuzz_inputs_text[] =
    "{\"model\":\"m\",\"input\":[\"a\",\"b\",\"data:image/png;base64,AQID\"]}";


#define FUZZ_INNER  "inferenceConfig additionalModelRequestFields"


static void
fuzz_set(fuzz_call_t *f, ngx_pool_t *pool, ngx_litellm_bedrock_own_t *own,
    ngx_uint_t embed, ngx_uint_t options, ngx_str_t *body)
{
    ngx_litellm_op_e  op;

    static const char  *models[] = {
        "converse/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "us-east-1/anthropic.claude-3-haiku-20240307-v1:0",
        "us.anthropic.claude-opus-4-7",
        "amazon.nova-pro-v1:0",
        "us.amazon.nova-2-lite-v1:0",
        "openai.gpt-oss-120b-1:0",
        "deepseek.r1-v1:0",
        "arn:aws:bedrock:eu-west-1:1:application-inference-profile/a"
    };

    static const char  *embeds[] = {
        "amazon.titan-embed-text-v1",
        "amazon.titan-embed-text-v2:0",
        "amazon.titan-embed-image-v1",
        "cohere.embed-english-v3",
        "us.cohere.embed-v4:0",
        "amazon.nova-2-multimodal-embeddings-v1:0",
        "cohere.embed-multilingual-v3",
        "other"
    };

    op = embed ? NGX_LITELLM_OP_EMBEDDINGS
         : (options & 0x40) ? NGX_LITELLM_OP_COMPLETIONS
         : NGX_LITELLM_OP_CHAT;

    fuzz_call(f, pool, "bedrock",
              embed ? embeds[options & 7] : models[options & 7], op, body);

    if (options & 8) {
        ngx_memzero(own, sizeof(ngx_litellm_bedrock_own_t));
        ngx_str_set(&own->key.key_id, "AKID");
        ngx_str_set(&own->key.secret, "fuzz-secret");
        ngx_str_set(&own->key.region, "us-east-1");
        ngx_str_set(&own->key.service, "bedrock");
        f->deployment.own = own;
    }

    f->config.modify_params = (options >> 4) & 1;
    f->call.drop_params = (options >> 5) & 1;
    f->call.may_fetch = (options >> 7) & 1;
}


/* each line of the input is the answer of a call */

static void
fuzz_follow(fuzz_call_t *f, ngx_pool_t *pool, ngx_str_t *input)
{
    u_char              *p, *last, *end;
    ngx_int_t            rc;
    ngx_str_t            line, text;
    ngx_litellm_wire_t   wire;

    if (fuzz_request(f, pool, &wire, NULL) == NULL) {
        return;
    }

    p = input->data;
    last = p + input->len;

    do {
        end = ngx_strlchr(p, last, '\n');
        end = end ? end : last;

        line = fuzz_copy(pool, p, end - p);
        p = ngx_min(end + 1, last);

        fuzz_wire(&wire, pool);

        rc = f->dialect->follow(&f->call, &wire, &line, NULL, &f->error);

        if (rc == NGX_AGAIN) {
            FUZZ_ASSERT(ngx_litellm_out_join(&wire.body, &text) == NGX_OK);
            (void) fuzz_is_json(pool, &text);
        }

    } while (rc == NGX_AGAIN && p < last);

    if (rc == NGX_OK) {
        fuzz_answer(f, pool, &line);

    } else if (rc != NGX_AGAIN) {
        FUZZ_ASSERT(rc == NGX_DECLINED && f->error.status >= 400);
    }
}


/* each line is an event: one character for its name, then the payload */

static void
fuzz_payloads(fuzz_call_t *f, ngx_pool_t *pool, ngx_str_t *bytes)
{
    u_char     *p, *last, *end;
    ngx_str_t   line, name;

    static const ngx_str_t  names[] = {
        ngx_string("messageStart"),
        ngx_string("contentBlockStart"),
        ngx_string("contentBlockDelta"),
        ngx_string("contentBlockStop"),
        ngx_string("messageStop"),
        ngx_string("metadata"),
        ngx_string("throttlingException"),
        ngx_string("other")
    };

    p = bytes->data;
    last = p + bytes->len;

    while (p < last) {
        end = ngx_strlchr(p, last, '\n');
        end = end ? end : last;

        if (end > p) {
            name = names[*p & 7];
            f->stream.exception = ((*p & 7) == 6 || *p & 0x80);
            line = fuzz_copy(pool, p + 1, end - p - 1);

            FUZZ_ASSERT(f->dialect->event(&f->stream, &name, &line) == NGX_OK);
        }

        p = end + 1;
    }

    fuzz_events(f, pool);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t                   input, body;
    ngx_uint_t                  what, options, embed;
    ngx_pool_t                 *pool;
    fuzz_call_t                 f;
    ngx_litellm_wire_t          wire;
    ngx_litellm_bedrock_own_t   own;

    if (size < 2) {
        return 0;
    }

    what = data[0] % 6;
    options = data[1];
    embed = (what >= 4);

    pool = fuzz_pool();

    input = fuzz_copy(pool, data + 2, size - 2);
    body = input;

    if (what != 0 && what != 4) {
        options &= ~0x40;
        body.data = (u_char *) (embed ? fuzz_inputs_text
                                      : fuzz_request_text);
        body.len = ngx_strlen(body.data);
    }

    fuzz_set(&f, pool, &own, embed, options, &body);

    if (!fuzz_open(&f, pool)) {
        ngx_destroy_pool(pool);
        return 0;
    }

    switch (what) {

    case 0:
    case 4:
        if (fuzz_request(&f, pool, &wire, FUZZ_INNER) != NULL) {
            FUZZ_ASSERT(wire.headers.nelts);
        }

        break;

    case 1:
        fuzz_answer(&f, pool, &input);
        break;

    case 2:
        fuzz_payloads(&f, pool, &input);
        break;

    case 3:
        fuzz_error(&f, pool, 400 + options % 200, &input);
        break;

    default:
        fuzz_follow(&f, pool, &input);
    }

    ngx_destroy_pool(pool);

    return 0;
}
