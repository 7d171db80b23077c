
/*
 * Images and files of a message in the form of Anthropic's Messages API: by
 * https URL, by base64, by an id of its Files API, and text files as text.
 * The API takes https URLs only: what others lead to is fetched and sent as
 * base64, where the operator allows it.
 *
 * Base64 is not looked at and not copied if it is long.
 */

#include "ngx_litellm_anthropic.h"


static void ngx_litellm_anthropic_url(ngx_litellm_anthropic_t *a,
    ngx_litellm_part_t *part, ngx_litellm_json_t *cache);
static ngx_int_t ngx_litellm_anthropic_plain_text(ngx_litellm_anthropic_t *a,
    ngx_str_t *data);
static void ngx_litellm_anthropic_file_id(ngx_litellm_anthropic_t *a,
    ngx_litellm_part_t *part);
static ngx_uint_t ngx_litellm_anthropic_ends(ngx_str_t *s, const char *end,
    size_t len);


#define ngx_litellm_anthropic_ends_with(s, end)                               \
    ngx_litellm_anthropic_ends(s, end, sizeof(end) - 1)


ngx_int_t
ngx_litellm_anthropic_media(ngx_litellm_anthropic_t *a,
    ngx_litellm_part_t *part, ngx_litellm_json_t *cache)
{
    ngx_int_t   rc;
    ngx_str_t   media, data;
    ngx_uint_t  image;

    media = part->media;
    data = part->data;
    image = (part->type == NGX_LITELLM_PART_IMAGE);

    if (part->file_id.len) {
        ngx_litellm_anthropic_file_id(a, part);
        ngx_litellm_anthropic_cache(a->out, cache);
        ngx_litellm_out_lit(a->out, "}");
        return NGX_OK;
    }

    if (part->url.len > 8
        && ngx_strncasecmp(part->url.data, (u_char *) "https://", 8) == 0)
    {
        ngx_litellm_anthropic_url(a, part, cache);
        return NGX_OK;
    }

    if (part->url.len) {

        rc = ngx_litellm_fetch(a->call, &part->url, &media, &data, a->e);

        if (rc == NGX_AGAIN) {

            /* the others, too, before request() comes back */

            a->again = 1;
            return NGX_OK;
        }

        if (rc != NGX_OK) {
            return rc;
        }

        if (media.len == 0 && image) {
            return ngx_litellm_anthropic_bad(a, "the server of an image's URL "
                                             "does not say what type it is");
        }
    }

    if (media.len == 0) {
        if (image) {
            return ngx_litellm_anthropic_bad(a, "a data: URL must name its "
                                             "media type");
        }

        ngx_str_set(&media, "application/pdf");
    }

    if (media.len == 9
        && ngx_strncasecmp(media.data, (u_char *) "image/jpg", 9) == 0)
    {
        ngx_str_set(&media, "image/jpeg");
    }

    image = (media.len > 6
             && ngx_strncasecmp(media.data, (u_char *) "image/", 6) == 0);

    if (image) {
        ngx_litellm_out_lit(a->out, "{\"type\":\"image\",\"source\":{");

    } else {
        ngx_litellm_out_lit(a->out, "{\"type\":\"document\",\"source\":{");
    }

    if (media.len >= 5
        && ngx_strncasecmp(media.data, (u_char *) "text/", 5) == 0)
    {
        rc = ngx_litellm_anthropic_plain_text(a, &data);
        if (rc != NGX_OK) {
            return rc;
        }

    } else {
        ngx_litellm_out_lit(a->out, "\"type\":\"base64\",\"media_type\":\"");
        ngx_litellm_out_str(a->out, &media);
        ngx_litellm_out_lit(a->out, "\",\"data\":\"");
        ngx_litellm_out_ref(a->out, data.data, data.len);
        ngx_litellm_out_lit(a->out, "\"}");
    }

    if (part->name.len && !image) {
        ngx_litellm_out_lit(a->out, ",\"title\":\"");
        ngx_litellm_out_str(a->out, &part->name);
        ngx_litellm_out_lit(a->out, "\"");
    }

    ngx_litellm_anthropic_cache(a->out, cache);
    ngx_litellm_out_lit(a->out, "}");

    return NGX_OK;
}


static void
ngx_litellm_anthropic_url(ngx_litellm_anthropic_t *a,
    ngx_litellm_part_t *part, ngx_litellm_json_t *cache)
{
    if (part->type == NGX_LITELLM_PART_IMAGE
        && !ngx_litellm_anthropic_ends_with(&part->url, ".pdf"))
    {
        ngx_litellm_out_lit(a->out, "{\"type\":\"image\",");

    } else {
        ngx_litellm_out_lit(a->out, "{\"type\":\"document\",");
    }

    ngx_litellm_out_lit(a->out, "\"source\":{\"type\":\"url\",\"url\":\"");
    ngx_litellm_out_ref(a->out, part->url.data, part->url.len);
    ngx_litellm_out_lit(a->out, "\"}");
    ngx_litellm_anthropic_cache(a->out, cache);
    ngx_litellm_out_lit(a->out, "}");
}


/* the API takes base64 of PDF only: a text file goes as the text it is */

static ngx_int_t
ngx_litellm_anthropic_plain_text(ngx_litellm_anthropic_t *a, ngx_str_t *data)
{
    ngx_str_t  text;

    text.data = ngx_pnalloc(a->call->pool,
                            ngx_base64_decoded_length(data->len) + 1);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    if (ngx_decode_base64(&text, data) != NGX_OK) {
        return ngx_litellm_anthropic_bad(a, "a data: URL does not hold valid "
                                         "base64");
    }

    ngx_litellm_out_lit(a->out, "\"type\":\"text\",\"media_type\":"
                        "\"text/plain\",\"data\":");
    ngx_litellm_out_json(a->out, &text);
    ngx_litellm_out_lit(a->out, "}");

    return NGX_OK;
}


/* what kind of block a file of the Files API stands in depends on its type */

static void
ngx_litellm_anthropic_file_id(ngx_litellm_anthropic_t *a,
    ngx_litellm_part_t *part)
{
    ngx_str_t   *s;
    ngx_uint_t   image, container;

    s = part->media.len ? &part->media : &part->name;

    image = (part->media.len > 6
             && ngx_strncasecmp(part->media.data, (u_char *) "image/", 6) == 0)
            || part->type == NGX_LITELLM_PART_IMAGE
            || ngx_litellm_anthropic_ends_with(&part->name, ".png")
            || ngx_litellm_anthropic_ends_with(&part->name, ".jpg")
            || ngx_litellm_anthropic_ends_with(&part->name, ".jpeg")
            || ngx_litellm_anthropic_ends_with(&part->name, ".gif")
            || ngx_litellm_anthropic_ends_with(&part->name, ".webp");

    container = ngx_litellm_anthropic_ends_with(s, "csv")
                || ngx_litellm_anthropic_ends_with(s, "json")
                || ngx_litellm_anthropic_ends_with(s, "xml")
                || ngx_litellm_anthropic_ends_with(s, ".xlsx")
                || ngx_litellm_anthropic_ends_with(s, ".zip")
                || ngx_litellm_anthropic_ends_with(s, "sheet");

    a->betas |= NGX_LITELLM_ANTHROPIC_B_FILES
                |NGX_LITELLM_ANTHROPIC_B_CODE_0522;

    if (container && !image) {
        ngx_litellm_out_lit(a->out, "{\"type\":\"container_upload\","
                            "\"file_id\":\"");
        ngx_litellm_out_str(a->out, &part->file_id);
        ngx_litellm_out_lit(a->out, "\"");
        return;
    }

    if (image) {
        ngx_litellm_out_lit(a->out, "{\"type\":\"image\",");

    } else {
        ngx_litellm_out_lit(a->out, "{\"type\":\"document\",");
    }

    ngx_litellm_out_lit(a->out, "\"source\":{\"type\":\"file\","
                        "\"file_id\":\"");
    ngx_litellm_out_str(a->out, &part->file_id);
    ngx_litellm_out_lit(a->out, "\"}");
}


static ngx_uint_t
ngx_litellm_anthropic_ends(ngx_str_t *s, const char *end, size_t len)
{
    return s->len >= len
           && ngx_strncasecmp(s->data + s->len - len, (u_char *) end, len)
              == 0;
}
