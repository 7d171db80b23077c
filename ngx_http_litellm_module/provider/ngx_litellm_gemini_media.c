
/*
 * Images, files and sound of a message as parts of Google's generateContent:
 * inlineData with base64, or fileData with an address that Google reads itself.
 *
 * Google reads gs:// addresses, files of its own Files API and YouTube; Vertex
 * AI reads https URLs, too, if their media type can be told.  All others, as
 * for the Gemini API, are fetched by the gateway (ngx_litellm_fetch), if it
 * may.  Base64 is not looked at and not copied if it is long.
 */

#include "ngx_litellm_gemini.h"


static ngx_int_t ngx_litellm_gemini_url(ngx_litellm_gemini_t *g,
    ngx_litellm_part_t *part, ngx_str_t *media);
static ngx_int_t ngx_litellm_gemini_fetch(ngx_litellm_gemini_t *g,
    ngx_str_t *url, ngx_str_t *media);
static void ngx_litellm_gemini_file(ngx_litellm_gemini_t *g, ngx_str_t *uri,
    ngx_str_t *media);
static void ngx_litellm_gemini_inline(ngx_litellm_gemini_t *g,
    ngx_str_t *media, ngx_str_t *data);
static void ngx_litellm_gemini_detail(ngx_litellm_gemini_t *g,
    ngx_litellm_part_t *part, ngx_litellm_gemini_res_e *res);
static ngx_int_t ngx_litellm_gemini_sound(ngx_litellm_gemini_t *g,
    ngx_litellm_part_t *part);
static void ngx_litellm_gemini_type(ngx_str_t *name, ngx_str_t *media);
static ngx_uint_t ngx_litellm_gemini_reads(ngx_str_t *url);
static ngx_uint_t ngx_litellm_gemini_begins(ngx_str_t *s, const char *start,
    size_t len);


#define ngx_litellm_gemini_begins_with(s, start)                              \
    ngx_litellm_gemini_begins(s, start, sizeof(start) - 1)


ngx_int_t
ngx_litellm_gemini_media(ngx_litellm_gemini_t *g, ngx_litellm_part_t *part)
{
    ngx_int_t                  rc;
    ngx_str_t                  media;
    ngx_litellm_gemini_res_e   res;

    static const char  *levels[] = {
        "", "MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_MEDIUM",
        "MEDIA_RESOLUTION_HIGH", "MEDIA_RESOLUTION_ULTRA_HIGH"
    };

    if (part->type == NGX_LITELLM_PART_AUDIO) {
        return ngx_litellm_gemini_sound(g, part);
    }

    media = part->media;

    if (media.len == 9
        && ngx_strncasecmp(media.data, (u_char *) "image/jpg", 9) == 0)
    {
        ngx_str_set(&media, "image/jpeg");
    }

    ngx_litellm_gemini_detail(g, part, &res);

    ngx_litellm_out_lit(g->out, "{");

    if (part->file_id.len || part->url.len) {
        rc = ngx_litellm_gemini_url(g, part, &media);
        if (rc != NGX_OK) {
            return rc;
        }

    } else {

        if (media.len == 0) {
            ngx_litellm_gemini_type(&part->name, &media);
        }

        if (media.len == 0 && part->type == NGX_LITELLM_PART_IMAGE) {
            return ngx_litellm_gemini_bad(g, "a data: URL must name its media "
                                          "type");
        }

        if (media.len == 0) {
            ngx_str_set(&media, "application/pdf");
        }

        ngx_litellm_gemini_inline(g, &media, &part->data);
    }

    if (res != NGX_LITELLM_GEMINI_RES_UNSET && ngx_litellm_gemini_3(g)) {
        ngx_litellm_out_lit(g->out, ",\"mediaResolution\":{\"level\":\"");
        ngx_litellm_out_copy(g->out, levels[res], ngx_strlen(levels[res]));
        ngx_litellm_out_lit(g->out, "\"}");
    }

    ngx_litellm_out_lit(g->out, "}");

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_gemini_url(ngx_litellm_gemini_t *g, ngx_litellm_part_t *part,
    ngx_str_t *media)
{
    ngx_str_t   url;
    ngx_uint_t  https;

    url = part->file_id.len ? part->file_id : part->url;
    https = ngx_litellm_gemini_begins_with(&url, "https://");

    if (ngx_litellm_gemini_begins_with(&url, "data:")) {
        return ngx_litellm_gemini_bad(g, "a data: URL must hold base64");
    }

    if (media->len == 0) {
        ngx_litellm_gemini_type(&url, media);
    }

    if (ngx_litellm_gemini_begins_with(&url, "gs://")) {

        if (media->len == 0) {
            return ngx_litellm_gemini_bad(g, "the media type of a gs:// "
                                          "address can't be told: give it as "
                                          "'format'");
        }

        ngx_litellm_gemini_file(g, &url, media);
        return NGX_OK;
    }

    if (!https && !ngx_litellm_gemini_begins_with(&url, "http://")) {

        if (part->file_id.len == 0) {
            return ngx_litellm_gemini_bad(g, "an image or a file must be a "
                                          "data:, https or gs:// URL");
        }

        return ngx_litellm_gemini_bad(g, "'file_id' must be an address that "
                                      "the provider can read");
    }

    if (https && ngx_litellm_gemini_reads(&url)) {

        if (media->len == 0 && g->vertex) {
            ngx_str_set(media, "video/mp4");
        }

        ngx_litellm_gemini_file(g, &url, media);
        return NGX_OK;
    }

    if (https && media->len && g->vertex) {
        ngx_litellm_gemini_file(g, &url, media);
        return NGX_OK;
    }

    return ngx_litellm_gemini_fetch(g, &url, media);
}


/* what is not there yet is gone on without: the body will be written anew */

static ngx_int_t
ngx_litellm_gemini_fetch(ngx_litellm_gemini_t *g, ngx_str_t *url,
    ngx_str_t *media)
{
    ngx_int_t  rc;
    ngx_str_t  type, data;

    rc = ngx_litellm_fetch(g->call, url, &type, &data, g->e);

    if (rc == NGX_AGAIN) {
        g->fetching = 1;
        return NGX_OK;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    /* servers that do not know a type say that it is bytes */

    if (type.len
        && !(media->len && ngx_litellm_gemini_begins_with(&type,
                                              "application/octet-stream")))
    {
        *media = type;
    }

    if (media->len == 0) {
        return ngx_litellm_gemini_bad(g, "the media type of a fetched image "
                                      "or file can't be told: give it as "
                                      "'format'");
    }

    ngx_litellm_gemini_inline(g, media, &data);

    return NGX_OK;
}


static void
ngx_litellm_gemini_file(ngx_litellm_gemini_t *g, ngx_str_t *uri,
    ngx_str_t *media)
{
    ngx_litellm_out_lit(g->out, "\"fileData\":{");

    if (media->len) {
        ngx_litellm_out_lit(g->out, "\"mimeType\":\"");
        ngx_litellm_out_str(g->out, media);
        ngx_litellm_out_lit(g->out, "\",");
    }

    ngx_litellm_out_lit(g->out, "\"fileUri\":\"");
    ngx_litellm_out_str(g->out, uri);
    ngx_litellm_out_lit(g->out, "\"}");
}


static void
ngx_litellm_gemini_inline(ngx_litellm_gemini_t *g, ngx_str_t *media,
    ngx_str_t *data)
{
    ngx_litellm_out_lit(g->out, "\"inlineData\":{\"mimeType\":\"");
    ngx_litellm_out_str(g->out, media);
    ngx_litellm_out_lit(g->out, "\",\"data\":\"");
    ngx_litellm_out_ref(g->out, data->data, data->len);
    ngx_litellm_out_lit(g->out, "\"}");
}


static void
ngx_litellm_gemini_detail(ngx_litellm_gemini_t *g, ngx_litellm_part_t *part,
    ngx_litellm_gemini_res_e *res)
{
    ngx_uint_t  i;

    static const ngx_str_t  details[] = {
        ngx_null_string,
        ngx_string("low"),
        ngx_string("medium"),
        ngx_string("high"),
        ngx_string("ultra_high")
    };

    *res = NGX_LITELLM_GEMINI_RES_UNSET;

    for (i = 1; i < sizeof(details) / sizeof(details[0]); i++) {
        if (part->detail.len == details[i].len
            && ngx_memcmp(part->detail.data, details[i].data, details[i].len)
               == 0)
        {
            *res = (ngx_litellm_gemini_res_e) i;
        }
    }

    if (*res > g->resolution) {
        g->resolution = *res;
    }
}


static ngx_int_t
ngx_litellm_gemini_sound(ngx_litellm_gemini_t *g, ngx_litellm_part_t *part)
{
    u_char     *p;
    ngx_str_t   media;

    media = part->media;

    if (media.len == 0) {
        ngx_str_set(&media, "audio/wav");

    } else if (ngx_strlchr(media.data, media.data + media.len, '/') == NULL) {

        p = ngx_pnalloc(g->call->pool, sizeof("audio/") - 1 + media.len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        media.data = p;
        p = ngx_cpymem(p, "audio/", sizeof("audio/") - 1);
        p = ngx_cpymem(p, part->media.data, part->media.len);
        media.len = p - media.data;
    }

    ngx_litellm_out_lit(g->out, "{");
    ngx_litellm_gemini_inline(g, &media, &part->data);
    ngx_litellm_out_lit(g->out, "}");

    return NGX_OK;
}


/* by the end of a name, or of a URL's path; *media stays as it is without */

static void
ngx_litellm_gemini_type(ngx_str_t *name, ngx_str_t *media)
{
    u_char      *p, *last;
    size_t       len;
    ngx_uint_t   i;

    static const struct {
        ngx_str_t   end;
        ngx_str_t   media;
    } types[] = {
        { ngx_string("jpg"), ngx_string("image/jpeg") },
        { ngx_string("jpeg"), ngx_string("image/jpeg") },
        { ngx_string("png"), ngx_string("image/png") },
        { ngx_string("webp"), ngx_string("image/webp") },
        { ngx_string("heic"), ngx_string("image/heic") },
        { ngx_string("heif"), ngx_string("image/heif") },
        { ngx_string("gif"), ngx_string("image/gif") },
        { ngx_string("mp4"), ngx_string("video/mp4") },
        { ngx_string("mov"), ngx_string("video/mov") },
        { ngx_string("mpeg"), ngx_string("video/mpeg") },
        { ngx_string("mpg"), ngx_string("video/mpeg") },
        { ngx_string("avi"), ngx_string("video/avi") },
        { ngx_string("wmv"), ngx_string("video/wmv") },
        { ngx_string("mpegps"), ngx_string("video/mpegps") },
        { ngx_string("flv"), ngx_string("video/flv") },
        { ngx_string("webm"), ngx_string("video/webm") },
        { ngx_string("mp3"), ngx_string("audio/mp3") },
        { ngx_string("wav"), ngx_string("audio/wav") },
        { ngx_string("flac"), ngx_string("audio/flac") },
        { ngx_string("ogg"), ngx_string("audio/ogg") },
        { ngx_string("aac"), ngx_string("audio/aac") },
        { ngx_string("m4a"), ngx_string("audio/m4a") },
        { ngx_string("pdf"), ngx_string("application/pdf") },
        { ngx_string("txt"), ngx_string("text/plain") },
        { ngx_string("md"), ngx_string("text/markdown") },
        { ngx_string("csv"), ngx_string("text/csv") },
        { ngx_string("html"), ngx_string("text/html") }
    };

    p = name->data;
    last = p + name->len;

    while (p < last && *p != '?' && *p != '#') {
        p++;
    }

    last = p;

    while (p > name->data && p[-1] != '.' && p[-1] != '/') {
        p--;
    }

    if (p == name->data || p[-1] != '.') {
        return;
    }

    len = last - p;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (types[i].end.len == len
            && ngx_strncasecmp(types[i].end.data, p, len) == 0)
        {
            *media = types[i].media;
            return;
        }
    }
}


/* Google's own addresses */

static ngx_uint_t
ngx_litellm_gemini_reads(ngx_str_t *url)
{
    return ngx_litellm_gemini_begins_with(url,
                             "https://generativelanguage.googleapis.com/")
           || ngx_litellm_gemini_begins_with(url, "https://www.youtube.com/")
           || ngx_litellm_gemini_begins_with(url, "https://youtube.com/")
           || ngx_litellm_gemini_begins_with(url, "https://youtu.be/");
}


static ngx_uint_t
ngx_litellm_gemini_begins(ngx_str_t *s, const char *start, size_t len)
{
    return s->len >= len
           && ngx_strncasecmp(s->data, (u_char *) start, len) == 0;
}
