
/*
 * Providers that speak OpenAI's dialect with differences of their own, on wire
 * data: t/data/{azure,azure_ai,mistral,groq,deepseek}, see wire_case.h.  Of
 * Azure's deployments with a credential, where the token comes from.
 */

#include "wire_case.h"
#include "ngx_litellm_credential.h"


static void made(case_t *c);


#define SET(name, n, header)                                                  \
    { .set = name, .least = n, .key = "", .auth = header, .made = made }

static const case_set_t  sets[] = {
    SET("azure", 55, "api-key"),
    SET("azure_ai", 15, "api-key"),
    SET("mistral", 40, NULL),
    SET("groq", 22, NULL),
    SET("deepseek", 18, NULL)
};


static void
made(case_t *c)
{
    ngx_str_t                  s;
    ngx_litellm_credential_t  *credential;

    s = case_str(c, "credential", "");
    credential = c->deployment.credential;

    CHECK_INT(credential != NULL, s.len != 0);

    if (s.len && credential != NULL) {
        CHECK_INT(credential->type, NGX_LITELLM_CREDENTIAL_ENTRA);
        CHECK_MEM(&credential->url.path, s.data, s.len);

        s = case_str(c, "authority", "");
        CHECK_MEM(&credential->url.host, s.data, s.len);

        s = case_str(c, "scope", "");
        CHECK_MEM(&credential->scope, s.data, s.len);
    }
}


void
unit_main(void)
{
    ngx_uint_t  i;

    for (i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        cases(&sets[i]);
    }
}
