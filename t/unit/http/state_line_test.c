
/*
 * Lines of the state file: what is written is read back, and nothing else is
 * taken.
 */

#include "unit.h"

#include "ledger_zone.h"
#include "ngx_http_litellm_state_file.h"


static ngx_int_t
read_line(const char *text, ngx_http_litellm_state_line_t *line)
{
    ngx_str_t               s;
    ngx_litellm_json_doc_t  doc;

    ngx_memzero(&doc, sizeof(doc));
    doc.pool = unit_pool;

    s = unit_str(text);

    return ngx_http_litellm_state_line_read(&doc, &s, line);
}


static const char *
written(ngx_litellm_out_t *out)
{
    char       *p;
    ngx_str_t   text;

    if (!CHECK_INT(ngx_litellm_out_join(out, &text), NGX_OK)
        || !CHECK(text.len > 0 && text.data[text.len - 1] == '\n'))
    {
        return "";
    }

    p = ngx_pcalloc(unit_pool, text.len);
    ngx_memcpy(p, text.data, text.len - 1);

    CHECKF(strchr(p, '\n') == NULL, "one line: %s", p);

    return p;
}


static void
there_and_back(void)
{
    ngx_http_litellm_store_item_t    record;
    ngx_uint_t                       i;
    ngx_litellm_out_t                out;
    ngx_http_litellm_ledger_item_t   item;
    ngx_http_litellm_state_line_t    line;

    static const struct {
        const char  *name;
        size_t       len;
    } names[] = {
        { "plain", 5 }, { "", 0 }, { "a\"b\\c\n\0d", 8 },
        { "\xc3\xa4\xe2\x82\xac", 5 }, { "cut \xe2\x82", 6 }, { "\xff\xfe", 2 },
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        unit_case("an account, name %d", (int) i);

        ngx_memzero(&item, sizeof(item));
        item.scope = NGX_HTTP_LITELLM_OF_END_USER;
        ngx_memcpy(item.name, names[i].name, names[i].len);
        item.len = names[i].len;
        item.period.type = NGX_LITELLM_EVERY;
        item.period.n = 30;
        item.account.spend = (i % 2) ? -NGX_LITELLM_MONEY_MAX
                                     : NGX_LITELLM_MONEY_MAX;
        item.account.total = NGX_LITELLM_MONEY_MAX;
        item.account.period_ends = 1700000000;
        item.account.keep = 1;

        ngx_litellm_out_init(&out, unit_pool);
        ngx_http_litellm_state_account_write(&out, &item);

        if (!CHECK_INT(read_line(written(&out), &line), NGX_OK)) {
            continue;
        }

        CHECK_INT(line.type, NGX_HTTP_LITELLM_STATE_ACCOUNT);
        CHECK_INT(line.item.scope, item.scope);
        CHECK_INT(line.item.len, item.len);
        CHECK(ngx_memcmp(line.item.name, item.name, item.len) == 0);
        CHECK_INT(line.item.account.spend, item.account.spend);
        CHECK_INT(line.item.account.total, item.account.total);
        CHECK_INT(line.item.account.period_ends, 1700000000);
        CHECK_INT(line.item.account.keep, 1);
        CHECK_INT(line.item.period.type, NGX_LITELLM_EVERY);
        CHECK_INT(line.item.period.n, 30);
    }

    unit_case("a record with line ends");

    ngx_memzero(&record, sizeof(record));
    record.kind = NGX_LITELLM_TEAM;
    record.id = unit_str("team \"one\"");
    record.json = unit_str("{\n\"team_id\":\r\n\"x\\ny\"}");
    record.mark.born = 1790000000000001;
    record.mark.stamp = 1790000000000002;

    ngx_litellm_out_init(&out, unit_pool);
    ngx_http_litellm_state_record_write(&out, &record);

    if (CHECK_INT(read_line(written(&out), &line), NGX_OK)) {
        CHECK_INT(line.type, NGX_HTTP_LITELLM_STATE_RECORD);
        CHECK_INT(line.kind, NGX_LITELLM_TEAM);
        CHECK_STR(&line.id, "team \"one\"");
        CHECK_STR(&line.json, "{ \"team_id\":  \"x\\ny\"}");
        CHECK_INT(line.born, 1790000000000001);
        CHECK_INT(line.stamp, 1790000000000002);
    }

    unit_case("a record that was deleted");

    record.id = unit_str("team \"one\"");
    ngx_str_null(&record.json);

    ngx_litellm_out_init(&out, unit_pool);
    ngx_http_litellm_state_record_write(&out, &record);

    if (CHECK_INT(read_line(written(&out), &line), NGX_OK)) {
        CHECK_INT(line.type, NGX_HTTP_LITELLM_STATE_RECORD);
        CHECK_STR(&line.id, "team \"one\"");
        CHECK_INT(line.json.len, 0);
        CHECK_INT(line.stamp, 1790000000000002);
    }

    unit_case("a head and an end");

    ngx_litellm_out_init(&out, unit_pool);
    ngx_http_litellm_state_head_write(&out, 7, 42);

    if (CHECK_INT(read_line(written(&out), &line), NGX_OK)) {
        CHECK_INT(line.type, NGX_HTTP_LITELLM_STATE_HEAD);
        CHECK_INT(line.layout, NGX_HTTP_LITELLM_STATE_LAYOUT);
        CHECK_INT(line.epoch, 7);
        CHECK_INT(line.pid, 42);
    }

    ngx_litellm_out_init(&out, unit_pool);
    ngx_http_litellm_state_end_write(&out, 3, 0xfedcba98);

    if (CHECK_INT(read_line(written(&out), &line), NGX_OK)) {
        CHECK_INT(line.type, NGX_HTTP_LITELLM_STATE_END);
        CHECK_INT(line.lines, 3);
        CHECK_INT(line.crc32, 0xfedcba98);
    }
}


static void
hostile(void)
{
    char                            *p;
    ngx_uint_t                       i;
    ngx_http_litellm_state_line_t    line;

#define REST "\"spend\":1,\"total\":1,\"period\":\"daily\",\"n\":1,\"ends\":1," \
             "\"keep\":0}"

    static const char *const bad[] = {
        "", "{", "[]", "1", "null", "\"account\"", "{}", "{\"x\":1}",
        "{\"account\":1,\"name\":\"a\"," REST,
        "{\"account\":\"nobody\",\"name\":\"a\"," REST,
        "{\"account\":\"\",\"name\":\"a\"," REST,
        "{\"account\":\"user\"," REST,
        "{\"account\":\"user\",\"name\":1," REST,
        "{\"account\":\"user\",\"name\":\"\\ud800\"," REST,
        "{\"account\":\"user\",\"hex\":\"f\"," REST,
        "{\"account\":\"user\",\"hex\":\"fg\"," REST,
        "{\"account\":\"user\",\"hex\":[]," REST,
        "{\"account\":\"user\",\"name\":\"a\",\"spend\":-9223372036854775808,"
            "\"total\":1,\"period\":\"daily\",\"n\":1,\"ends\":1,\"keep\":0}",
        "{\"account\":\"user\",\"name\":\"a\",\"spend\":1.5,\"total\":1,"
            "\"period\":\"daily\",\"n\":1,\"ends\":1,\"keep\":0}",
        "{\"account\":\"user\",\"name\":\"a\",\"spend\":9223372036854775808,"
            "\"total\":1,\"period\":\"daily\",\"n\":1,\"ends\":1,\"keep\":0}",
        "{\"account\":\"user\",\"name\":\"a\",\"spend\":1,\"total\":1,"
            "\"period\":\"daily\",\"n\":0,\"ends\":1,\"keep\":0}",
        "{\"account\":\"user\",\"name\":\"a\",\"spend\":1,\"total\":1,"
            "\"period\":\"daily\",\"n\":4294967296,\"ends\":1,\"keep\":0}",
        "{\"account\":\"user\",\"name\":\"a\",\"spend\":1,\"total\":1,"
            "\"period\":\"yearly\",\"n\":1,\"ends\":1,\"keep\":0}",
        "{\"account\":\"user\",\"name\":\"a\",\"spend\":1,\"total\":1,"
            "\"period\":\"daily\",\"n\":1,\"ends\":\"1\",\"keep\":0}",
        "{\"account\":\"user\",\"name\":\"a\",\"spend\":1,\"total\":1,"
            "\"period\":\"daily\",\"n\":1,\"ends\":1,\"keep\":2}",
        "{\"record\":\"key\"}", "{\"record\":\"god\",\"id\":\"a\",\"json\":{}}",
        "{\"record\":\"key\",\"id\":\"\",\"json\":{}}",
        "{\"record\":\"key\",\"id\":\"a\",\"json\":[]}",
        "{\"record\":\"key\",\"id\":1,\"json\":{}}",
        "{\"end\":0,\"crc32\":1}", "{\"end\":1}", "{\"end\":1,\"crc32\":-1}",
        "{\"end\":1,\"crc32\":4294967296}",
        "{\"litellm_state\":1}", "{\"litellm_state\":1,\"epoch\":-1,\"pid\":1}",
        "{\"litellm_state\":1,\"epoch\":9223372036854775807,\"pid\":1}",
        "{\"litellm_state\":1,\"epoch\":1,\"pid\":0}",
        "{\"litellm_state\":1,\"epoch\":1,\"pid\":-1}",
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        unit_case("no line: %s", bad[i]);
        CHECK_INT(read_line(bad[i], &line), NGX_DECLINED);
    }

    unit_case("the lines above but for what is wrong in them");

    CHECK_INT(read_line("{\"account\":\"user\",\"name\":\"a\"," REST, &line),
              NGX_OK);
    CHECK_INT(read_line("{\"record\":\"key\",\"id\":\"a\",\"json\":{}}",
                        &line), NGX_OK);

    unit_case("another layout is told");

    CHECK_INT(read_line("{\"litellm_state\":9,\"what\":[]}", &line), NGX_OK);
    CHECK_INT(line.layout, 9);

    unit_case("a name that is too long");

    p = ngx_pcalloc(unit_pool, 1024);
    ngx_sprintf((u_char *) p, "{\"account\":\"user\",\"name\":\"%0125d\"," REST,
                0);
    CHECK_INT(read_line(p, &line), NGX_DECLINED);
}


void
unit_main(void)
{
    ledger_clock(0, 0);

    there_and_back();
    hostile();
}
