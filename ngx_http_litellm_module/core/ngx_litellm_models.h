
/*
 * What is known of models by name: a compact table made by
 * ngx_litellm_models.pl from LiteLLM's model map (names, modes, limits and
 * abilities are facts; the file's head names source and version).
 */

#ifndef _NGX_LITELLM_MODELS_H_INCLUDED_
#define _NGX_LITELLM_MODELS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* abilities */
#define NGX_LITELLM_M_KNOWN               0x00000001
#define NGX_LITELLM_M_TOOLS               0x00000002
#define NGX_LITELLM_M_TOOL_CHOICE         0x00000004
#define NGX_LITELLM_M_PARALLEL_TOOLS      0x00000008
#define NGX_LITELLM_M_VISION              0x00000010
#define NGX_LITELLM_M_RESPONSE_SCHEMA     0x00000020
#define NGX_LITELLM_M_REASONING           0x00000040
#define NGX_LITELLM_M_SYSTEM              0x00000080
#define NGX_LITELLM_M_PDF                 0x00000100
#define NGX_LITELLM_M_AUDIO_IN            0x00000200
#define NGX_LITELLM_M_AUDIO_OUT           0x00000400
#define NGX_LITELLM_M_WEB_SEARCH          0x00000800
#define NGX_LITELLM_M_PREFILL             0x00001000
#define NGX_LITELLM_M_PROMPT_CACHING      0x00002000
#define NGX_LITELLM_M_NATIVE_SCHEMA       0x00004000
#define NGX_LITELLM_M_EFFORT_NONE         0x00008000
#define NGX_LITELLM_M_EFFORT_MINIMAL      0x00010000
#define NGX_LITELLM_M_EFFORT_XHIGH        0x00020000
#define NGX_LITELLM_M_EFFORT_MAX          0x00040000
#define NGX_LITELLM_M_EFFORT_NO_LOW       0x00080000  /* "low" is refused */
#define NGX_LITELLM_M_EFFORT_OFF          0x00100000  /* default is "none" */
#define NGX_LITELLM_M_ADAPTIVE            0x00200000  /* thinking: adaptive */
#define NGX_LITELLM_M_LEGACY_THINKING     0x00400000  /* ... enabled, too */
#define NGX_LITELLM_M_THINKING_ALWAYS     0x00800000
#define NGX_LITELLM_M_NO_SAMPLING         0x01000000  /* temperature ... */
#define NGX_LITELLM_M_MID_SYSTEM          0x02000000  /* system in mid-talk */
#define NGX_LITELLM_M_OUTPUT_CONFIG       0x04000000
#define NGX_LITELLM_M_NO_FORCED_TOOL      0x08000000
#define NGX_LITELLM_M_NO_PREFILL          0x10000000  /* said to be refused */
#define NGX_LITELLM_M_BARE                0x80000000  /* the row of a bare
                                                         name */

typedef enum {
    NGX_LITELLM_MODE_UNKNOWN = 0,
    NGX_LITELLM_MODE_CHAT,
    NGX_LITELLM_MODE_COMPLETION,
    NGX_LITELLM_MODE_EMBEDDING,
    NGX_LITELLM_MODE_RESPONSES,
    NGX_LITELLM_MODE_RERANK,
    NGX_LITELLM_MODE_IMAGE,
    NGX_LITELLM_MODE_AUDIO_IN,
    NGX_LITELLM_MODE_AUDIO_OUT,
    NGX_LITELLM_MODE_MODERATION,
    NGX_LITELLM_MODE_REALTIME,
    NGX_LITELLM_MODE_OTHER
} ngx_litellm_mode_e;


typedef struct {
    const char           *name;         /* without the provider's prefix */
    const char           *provider;     /* LiteLLM's, without the part that
                                           tells a model family
                                           ("vertex_ai-anthropic_models") */
    uint32_t              max_input;    /* tokens; 0: unknown */
    uint32_t              max_output;
    uint32_t              flags;
    ngx_litellm_mode_e    mode;
} ngx_litellm_model_t;


/*
 * provider empty: a bare name, as LiteLLM resolves it (the row that the map
 * has under just that name).  Else that provider's row of that name, or NULL.
 * A fine-tuned name ("ft:gpt-4o:org::id") finds its base model's row.
 */
const ngx_litellm_model_t *ngx_litellm_model_find(ngx_str_t *provider,
    ngx_str_t *name);

/*
 * The provider of a bare name: its row's, else by the families that have one
 * maker ("gpt-", "claude-" ...: the table is older than tomorrow's models);
 * NULL if it can't be told.
 */
const char *ngx_litellm_model_provider(ngx_str_t *name);


#endif /* _NGX_LITELLM_MODELS_H_INCLUDED_ */
