
/*
 * Images, documents and videos of a message in the form of Bedrock's Converse
 * API: base64 and a format of a short list, or a place in S3.  URLs are
 * fetched if that is allowed (ngx_litellm_fetch()).
 *
 * The format is what the media type says, else the name, else the first bytes.
 * Base64 is not copied if it is long; its end is not looked at.
 */

#include "ngx_litellm_bedrock.h"


typedef struct {
    const char  *word;             /* media type, ".extension", or the base64
                                      of first bytes */
    const char  *member;
    const char  *format;
} ngx_litellm_bedrock_format_t;


static ngx_int_t ngx_litellm_bedrock_url(ngx_litellm_bedrock_t *b,
    ngx_str_t *url, ngx_str_t *type, ngx_litellm_bedrock_media_t *media);
static const ngx_litellm_bedrock_format_t *ngx_litellm_bedrock_type(
    ngx_str_t *type);
static const ngx_litellm_bedrock_format_t *ngx_litellm_bedrock_extension(
    ngx_str_t *name);
static const ngx_litellm_bedrock_format_t *ngx_litellm_bedrock_magic(
    ngx_str_t *data);


static const ngx_litellm_bedrock_format_t  ngx_litellm_bedrock_types[] = {
    { "image/png", "image", "png" },
    { "image/jpeg", "image", "jpeg" },
    { "image/jpg", "image", "jpeg" },
    { "image/gif", "image", "gif" },
    { "image/webp", "image", "webp" },
    { "application/pdf", "document", "pdf" },
    { "text/csv", "document", "csv" },
    { "application/csv", "document", "csv" },
    { "application/msword", "document", "doc" },
    { "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
      "document", "docx" },
    { "application/vnd.ms-excel", "document", "xls" },
    { "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
      "document", "xlsx" },
    { "text/html", "document", "html" },
    { "text/plain", "document", "txt" },
    { "text/markdown", "document", "md" },
    { "text/x-markdown", "document", "md" },
    { "video/mp4", "video", "mp4" },
    { "video/quicktime", "video", "mov" },
    { "video/x-matroska", "video", "mkv" },
    { "video/webm", "video", "webm" },
    { "video/x-flv", "video", "flv" },
    { "video/mpeg", "video", "mpeg" },
    { "video/x-ms-wmv", "video", "wmv" },
    { "video/3gpp", "video", "three_gp" },
    { NULL, NULL, NULL }
};


static const ngx_litellm_bedrock_format_t  ngx_litellm_bedrock_extensions[] = {
    { ".png", "image", "png" },
    { ".jpg", "image", "jpeg" },
    { ".jpeg", "image", "jpeg" },
    { ".gif", "image", "gif" },
    { ".webp", "image", "webp" },
    { ".pdf", "document", "pdf" },
    { ".csv", "document", "csv" },
    { ".doc", "document", "doc" },
    { ".docx", "document", "docx" },
    { ".xls", "document", "xls" },
    { ".xlsx", "document", "xlsx" },
    { ".html", "document", "html" },
    { ".htm", "document", "html" },
    { ".txt", "document", "txt" },
    { ".md", "document", "md" },
    { ".mp4", "video", "mp4" },
    { ".mov", "video", "mov" },
    { ".mkv", "video", "mkv" },
    { ".webm", "video", "webm" },
    { ".flv", "video", "flv" },
    { ".mpeg", "video", "mpeg" },
    { ".mpg", "video", "mpg" },
    { ".wmv", "video", "wmv" },
    { ".3gp", "video", "three_gp" },
    { NULL, NULL, NULL }
};


static const ngx_litellm_bedrock_format_t  ngx_litellm_bedrock_bytes[] = {
    { "iVBORw0KGgo", "image", "png" },
    { "/9j/", "image", "jpeg" },
    { "R0lGOD", "image", "gif" },
    { "UklGR", "image", "webp" },
    { "JVBERi0", "document", "pdf" },
    { NULL, NULL, NULL }
};


ngx_int_t
ngx_litellm_bedrock_media(ngx_litellm_bedrock_t *b, ngx_litellm_part_t *part,
    ngx_litellm_bedrock_media_t *media)
{
    ngx_int_t                            rc;
    ngx_str_t                            url, type;
    const ngx_litellm_bedrock_format_t  *f;

    ngx_memzero(media, sizeof(ngx_litellm_bedrock_media_t));

    type = part->media;
    media->data = part->data;

    url = part->url;

    /* LiteLLM's users put URLs of files there */

    if (part->file_id.len) {
        url = part->file_id;

        if (ngx_litellm_find(url.data, url.data + url.len, "://", 3) == NULL) {
            return ngx_litellm_bedrock_bad(b, "this provider keeps no files: "
                                           "'file_id' can be a URL only, or "
                                           "send 'file_data'");
        }
    }

    if (url.len) {
        rc = ngx_litellm_bedrock_url(b, &url, &type, media);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (media->uri.len == 0 && media->data.len == 0) {
        return ngx_litellm_bedrock_bad(b, "an image or a file without data");
    }

    f = ngx_litellm_bedrock_type(&type);

    if (f == NULL) {
        f = ngx_litellm_bedrock_extension(&part->name);
    }

    if (f == NULL && url.len) {
        f = ngx_litellm_bedrock_extension(&url);
    }

    if (f == NULL) {
        f = ngx_litellm_bedrock_magic(&media->data);
    }

    if (f == NULL) {
        return ngx_litellm_bedrock_bad(b, "this provider takes images (png, "
                                       "jpeg, gif, webp), documents (pdf, "
                                       "csv, doc, docx, xls, xlsx, html, txt, "
                                       "md) and videos: another or no type "
                                       "was given");
    }

    media->member = f->member;
    media->format = f->format;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_bedrock_url(ngx_litellm_bedrock_t *b, ngx_str_t *url,
    ngx_str_t *type, ngx_litellm_bedrock_media_t *media)
{
    if (url->len > 5 && ngx_memcmp(url->data, "s3://", 5) == 0) {
        media->uri = *url;
        return NGX_OK;
    }

    return ngx_litellm_fetch(b->a.call, url, type, &media->data, b->a.e);
}


void
ngx_litellm_bedrock_media_write(ngx_litellm_bedrock_t *b,
    ngx_litellm_bedrock_media_t *media)
{
    ngx_litellm_out_t  *out;

    out = b->a.out;

    ngx_litellm_out_lit(out, "{\"");
    ngx_litellm_out_copy(out, media->member, ngx_strlen(media->member));
    ngx_litellm_out_lit(out, "\":{\"format\":\"");
    ngx_litellm_out_copy(out, media->format, ngx_strlen(media->format));

    /*
     * Names must differ within a request.  The API's reference advises against
     * the user's own: they reach the model as a part of the prompt.
     */

    if (*media->member == 'd') {
        ngx_litellm_out_lit(out, "\",\"name\":\"document-");
        ngx_litellm_out_int(out, ++b->documents);
    }

    if (media->uri.len) {
        ngx_litellm_out_lit(out, "\",\"source\":{\"s3Location\":{\"uri\":\"");
        ngx_litellm_out_str(out, &media->uri);
        ngx_litellm_out_lit(out, "\"}}}}");
        return;
    }

    ngx_litellm_out_lit(out, "\",\"source\":{\"bytes\":\"");
    ngx_litellm_out_ref(out, media->data.data, media->data.len);
    ngx_litellm_out_lit(out, "\"}}}");
}


static const ngx_litellm_bedrock_format_t *
ngx_litellm_bedrock_type(ngx_str_t *type)
{
    size_t                               len;
    const ngx_litellm_bedrock_format_t  *f;

    for (f = ngx_litellm_bedrock_types; f->word; f++) {
        len = ngx_strlen(f->word);

        if (type->len >= len
            && ngx_strncasecmp(type->data, (u_char *) f->word, len) == 0
            && (type->len == len || type->data[len] == ';'))
        {
            return f;
        }
    }

    return NULL;
}


static const ngx_litellm_bedrock_format_t *
ngx_litellm_bedrock_extension(ngx_str_t *name)
{
    u_char                              *p, *last;
    size_t                               len;
    const ngx_litellm_bedrock_format_t  *f;

    last = name->data + name->len;

    for (p = name->data; p < last; p++) {
        if (*p == '?' || *p == '#') {
            last = p;
        }
    }

    for (f = ngx_litellm_bedrock_extensions; f->word; f++) {
        len = ngx_strlen(f->word);

        if ((size_t) (last - name->data) > len
            && ngx_strncasecmp(last - len, (u_char *) f->word, len) == 0)
        {
            return f;
        }
    }

    return NULL;
}


static const ngx_litellm_bedrock_format_t *
ngx_litellm_bedrock_magic(ngx_str_t *data)
{
    size_t                               len;
    const ngx_litellm_bedrock_format_t  *f;

    for (f = ngx_litellm_bedrock_bytes; f->word; f++) {
        len = ngx_strlen(f->word);

        if (data->len >= len && ngx_memcmp(data->data, f->word, len) == 0) {
            return f;
        }
    }

    return NULL;
}
