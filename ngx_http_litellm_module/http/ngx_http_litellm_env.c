
/*
 * What is read at configuration time beside nginx.conf: the YAML's text, the
 * environment, and the files of litellm_env_file.  The real environment wins
 * over the files, as a .env file does not override it in LiteLLM.
 */

#include "ngx_http_litellm.h"


/* of a list of keys; what a configuration may have is a bound of its own */
#define NGX_HTTP_LITELLM_MAX_FILE  (128 * 1024 * 1024)


static ngx_int_t ngx_http_litellm_env_parse(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf, ngx_str_t *text);


ngx_int_t
ngx_http_litellm_read_file(void *data, ngx_str_t *path, ngx_str_t *text,
    ngx_str_t *why)
{
    ngx_conf_t *cf = data;

    u_char           *name;
    ssize_t           n;
    ngx_file_t        file;
    ngx_file_info_t   fi;

    ngx_memzero(&file, sizeof(ngx_file_t));

    name = ngx_pnalloc(cf->pool, path->len + 1);
    if (name == NULL) {
        return NGX_ERROR;
    }

    *ngx_cpymem(name, path->data, path->len) = '\0';

    file.name.data = name;
    file.name.len = path->len;
    file.log = cf->log;

    file.fd = ngx_open_file(name, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        why->data = ngx_pnalloc(cf->pool, NGX_MAX_ERROR_STR);
        if (why->data != NULL) {
            why->len = ngx_strerror(ngx_errno, why->data, NGX_MAX_ERROR_STR)
                       - why->data;
        }

        return NGX_ERROR;
    }

    if (ngx_fd_info(file.fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)) {
        ngx_str_set(why, "not a regular file");
        goto failed;
    }

    if (ngx_file_size(&fi) > NGX_HTTP_LITELLM_MAX_FILE) {
        ngx_str_set(why, "larger than 128m");
        goto failed;
    }

    text->len = (size_t) ngx_file_size(&fi);
    text->data = ngx_pnalloc(cf->pool, text->len + 1);
    if (text->data == NULL) {
        goto failed;
    }

    n = ngx_read_file(&file, text->data, text->len, 0);

    if (n == NGX_ERROR || (size_t) n != text->len) {
        ngx_str_set(why, "could not be read whole");
        goto failed;
    }

    (void) ngx_close_file(file.fd);

    return NGX_OK;

failed:

    (void) ngx_close_file(file.fd);

    return NGX_ERROR;
}


/* the environment first, as a .env file does not override it in LiteLLM */

ngx_int_t
ngx_http_litellm_read_env(void *data, ngx_str_t *name, ngx_str_t *value)
{
    ngx_conf_t *cf = data;

    char                          *p;
    u_char                        *key;
    ngx_uint_t                     i;
    ngx_keyval_t                  *kv;
    ngx_http_litellm_main_conf_t  *mcf;

    key = ngx_pnalloc(cf->temp_pool, name->len + 1);
    if (key == NULL) {
        return NGX_ERROR;
    }

    *ngx_cpymem(key, name->data, name->len) = '\0';

    p = getenv((char *) key);

    if (p != NULL) {
        value->len = ngx_strlen(p);
        value->data = ngx_pnalloc(cf->pool, value->len + 1);
        if (value->data == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(value->data, p, value->len + 1);

        return NGX_OK;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_litellm_module);

    if (mcf->env == NULL) {
        return NGX_DECLINED;
    }

    /* the last line of a name counts */

    kv = mcf->env->elts;

    for (i = mcf->env->nelts; i > 0; i--) {
        if (kv[i - 1].key.len == name->len
            && ngx_strncmp(kv[i - 1].key.data, name->data, name->len) == 0)
        {
            *value = kv[i - 1].value;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_litellm_env_files(ngx_conf_t *cf, ngx_http_litellm_main_conf_t *mcf)
{
    ngx_str_t   *file, text, why;
    ngx_uint_t   i;

    if (mcf->env != NULL) {
        return NGX_OK;
    }

    mcf->env = ngx_array_create(cf->pool, 8, sizeof(ngx_keyval_t));
    if (mcf->env == NULL) {
        return NGX_ERROR;
    }

    file = mcf->env_files.elts;

    for (i = 0; i < mcf->env_files.nelts; i++) {

        ngx_str_set(&why, "could not be read");

        if (ngx_http_litellm_read_file(cf, &file[i], &text, &why) != NGX_OK) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "litellm_env_file \"%V\": %V", &file[i], &why);
            return NGX_ERROR;
        }

        if (ngx_http_litellm_env_parse(cf, mcf, &text) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * NAME=value lines, "export " before them allowed; blanks around both sides,
 * one pair of quotes around the value and comments are not part of it.
 */

static ngx_int_t
ngx_http_litellm_env_parse(ngx_conf_t *cf, ngx_http_litellm_main_conf_t *mcf,
    ngx_str_t *text)
{
    u_char        *p, *end, *line, *eq, *last, *hash;
    ngx_keyval_t  *kv;

    p = text->data;
    end = p + text->len;

    while (p < end) {

        line = p;

        last = ngx_strlchr(p, end, '\n');
        if (last == NULL) {
            last = end;
        }

        p = last + 1;

        while (line < last && (*line == ' ' || *line == '\t')) {
            line++;
        }

        while (last > line && (last[-1] == ' ' || last[-1] == '\t'
                               || last[-1] == '\r'))
        {
            last--;
        }

        if (last - line > 7 && ngx_strncmp(line, "export ", 7) == 0) {
            line += 7;
        }

        eq = ngx_strlchr(line, last, '=');

        if (line == last || *line == '#' || eq == NULL || eq == line) {
            continue;
        }

        kv = ngx_array_push(mcf->env);
        if (kv == NULL) {
            return NGX_ERROR;
        }

        kv->key.data = line;
        kv->key.len = eq - line;

        while (kv->key.len && kv->key.data[kv->key.len - 1] == ' ') {
            kv->key.len--;
        }

        for (eq++; eq < last && (*eq == ' ' || *eq == '\t'); eq++) {
            /* void */
        }

        if (last - eq >= 2 && (*eq == '"' || *eq == '\'')
            && last[-1] == *eq)
        {
            eq++;
            last--;

        } else {
            hash = ngx_strnstr(eq, " #", last - eq);

            if (hash != NULL) {
                last = hash;
            }
        }

        kv->value.data = eq;
        kv->value.len = last - eq;
    }

    return NGX_OK;
}


/*
 * A binary upgrade hands the new master only the variables that "env" names:
 * without this the providers' keys would be gone after it.
 */

ngx_int_t
ngx_http_litellm_keep_env(ngx_conf_t *cf, ngx_litellm_config_t *config)
{
    ngx_str_t        *name, *env;
    ngx_uint_t        i;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);
    name = config->env_names.elts;

    for (i = 0; i < config->env_names.nelts; i++) {

        env = ngx_array_push(&ccf->env);
        if (env == NULL) {
            return NGX_ERROR;
        }

        /* nginx looks for '=' behind the name's length */

        env->len = name[i].len;
        env->data = ngx_pnalloc(cf->pool, name[i].len + 1);
        if (env->data == NULL) {
            return NGX_ERROR;
        }

        *ngx_cpymem(env->data, name[i].data, name[i].len) = '\0';
    }

    return NGX_OK;
}
