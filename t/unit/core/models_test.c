
/* The table of models: order, known rows, bare names, families. */

#include "unit.h"

#include "ngx_litellm_models.h"


static const struct {
    const char  *provider;
    const char  *name;
    const char  *found;       /* provider of the row; NULL: none */
} cases[] = {
    { "", "gpt-4o", "openai" },
    { "", "gpt-3.5-turbo", "openai" },
    { "", "o3", "openai" },
    { "", "whisper-1", "openai" },
    { "", "claude-sonnet-4-5", "anthropic" },
    { "", "gemini-2.5-pro", "vertex_ai" },
    { "", "no-such-model", NULL },
    { "", "", NULL },
    { "", "gpt-4", "openai" },
    { "", "gpt-4\xff", NULL },
    { "openai", "gpt-4o", "openai" },
    { "openai", "gpt-3.5-turbo-instruct", "openai" },
    { "anthropic", "claude-opus-4-5", "anthropic" },
    { "anthropic", "gpt-4o", NULL },
    { "azure", "gpt-4o", "azure" },
    { "no_such_provider", "gpt-4o", NULL },

    /* fine-tuned: the base model's row */
    { "", "ft:gpt-4o-2024-08-06:org::id", "openai" },
    { "openai", "ft:gpt-4o-2024-08-06:org::id", "openai" },
    { "", "ft:", NULL },
    { "", "ft:x", NULL },
};


static const struct {
    const char  *name;
    const char  *provider;
} families[] = {
    { "gpt-4o", "openai" },
    { "gpt-99-turbo", "openai" },
    { "claude-3-opus", "anthropic" },
    { "claude-99", "anthropic" },
    { "o1-tomorrow", "openai" },
    { "ft:gpt-99:org", "openai" },
    { "gpt-oss-999b", NULL },
    { "gemini-2.5-pro", "vertex_ai" },
    { "llama3", NULL },
    { "gpt", NULL },
    { "", NULL },
};


void
unit_main(void)
{
    size_t                      i;
    ngx_str_t                   provider, name;
    const char                 *got;
    const ngx_litellm_model_t  *m;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("%s / %s", cases[i].provider, cases[i].name);

        provider = unit_str(cases[i].provider);
        name = unit_str(cases[i].name);

        m = ngx_litellm_model_find(&provider, &name);

        if (cases[i].found == NULL) {
            CHECK(m == NULL);
            continue;
        }

        if (CHECK(m != NULL)) {
            CHECKF(strcmp(m->provider, cases[i].found) == 0, "%s",
                   m->provider);
        }
    }

    for (i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        unit_case("provider of %s", families[i].name);

        name = unit_str(families[i].name);
        got = ngx_litellm_model_provider(&name);

        if (families[i].provider == NULL) {
            CHECKF(got == NULL, "%s", got);

        } else {
            CHECK(got != NULL && strcmp(got, families[i].provider) == 0);
        }
    }

    unit_case("facts of a row");

    provider = unit_str("openai");
    name = unit_str("gpt-4o");
    m = ngx_litellm_model_find(&provider, &name);

    if (CHECK(m != NULL)) {
        CHECK_INT(m->mode, NGX_LITELLM_MODE_CHAT);
        CHECK_INT(m->max_input, 128000);
        CHECK_INT(m->max_output, 16384);
        CHECK(m->flags & NGX_LITELLM_M_KNOWN);
        CHECK(m->flags & NGX_LITELLM_M_TOOLS);
        CHECK(m->flags & NGX_LITELLM_M_VISION);
        CHECK(!(m->flags & NGX_LITELLM_M_REASONING));
    }

    name = unit_str("text-embedding-3-small");
    m = ngx_litellm_model_find(&provider, &name);
    CHECK(m != NULL && m->mode == NGX_LITELLM_MODE_EMBEDDING);

    provider = unit_str("anthropic");
    name = unit_str("claude-sonnet-4-5");
    m = ngx_litellm_model_find(&provider, &name);

    if (CHECK(m != NULL)) {
        CHECK_INT(m->max_output, 64000);
        CHECK(m->flags & NGX_LITELLM_M_REASONING);
        CHECK(!(m->flags & NGX_LITELLM_M_ADAPTIVE));
    }
}
