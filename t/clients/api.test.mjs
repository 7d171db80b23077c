// The API beside chat: models, embeddings, text completions; the paths and the
// key headers that other clients of the same library use.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import OpenAI6 from 'openai';

import { openai, saying } from './lib/dialects.mjs';
import { MASTER, start } from './lib/gateway.mjs';
import { sdks } from './lib/sdk.mjs';

const { provider, url } = await start(after);
const messages = [{ role: 'user', content: 'Hi' }];


for (const sdk of sdks) {
    const { OpenAI } = sdk;
    const client = sdk.client(url);

    test(`${sdk.name}: models`, async () => {
        const ids = [];
        for await (const model of client.models.list()) {
            assert.equal(model.object, 'model');
            ids.push(model.id);
        }
        for (const id of ['oa/falls', 'an/falls', 'nowhere', 'hello']) {
            assert.ok(ids.includes(id), `${id} in ${ids}`);
        }
        assert.equal(new Set(ids).size, ids.length);
    });

    test(`${sdk.name}: one model`, async () => {
        assert.equal((await client.models.retrieve('hello')).id, 'hello');
        // the library writes the slash as %2F
        assert.equal((await client.models.retrieve('oa/falls')).id, 'oa/falls');
        await assert.rejects(client.models.retrieve('no-such'), OpenAI.NotFoundError);
    });

    test(`${sdk.name}: embeddings`, async () => {
        const vectors = [[0.5, -1, 0.25], [2, 4, -8]];
        provider.on('embed', (call) => call.answer(200, { object: 'list', model: 'embed',
            data: vectors.map((vector, index) => ({ object: 'embedding', index,
                embedding: call.json.encoding_format === 'base64'
                    ? Buffer.from(new Float32Array(vector).buffer).toString('base64') : vector })),
            usage: { prompt_tokens: 4, total_tokens: 4 } }));
        // without a format the library asks for base64 and decodes it
        for (const more of [{}, { encoding_format: 'float' }, { dimensions: 3 }]) {
            const { data, usage } = await client.embeddings.create({ model: 'oa/embed',
                input: ['größer', 'b'], ...more });
            assert.deepEqual(data.map(({ embedding }) => [...embedding]), vectors);
            assert.equal(usage.total_tokens, 4);
        }
        assert.deepEqual(provider.calls('embed').map((call) => call.json), [
            { model: 'embed', input: ['größer', 'b'], encoding_format: 'base64' },
            { model: 'embed', input: ['größer', 'b'], encoding_format: 'float' },
            { model: 'embed', input: ['größer', 'b'], encoding_format: 'base64', dimensions: 3 },
        ]);
        assert.equal(provider.calls('embed')[0].path, '/v1/embeddings');
    });

    test(`${sdk.name}: text completions`, async () => {
        provider.on('old', (call) => call.answer(200, { id: 'cmpl-test', object: 'text_completion',
            created: 1700000000, model: 'old', choices: [{ index: 0, text: ' there.',
                logprobs: null, finish_reason: 'stop' }],
            usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 } }));
        const data = await client.completions.create({ model: 'oa/old', prompt: 'Hello',
            max_tokens: 5 });
        assert.equal(data.choices[0].text, ' there.');
        assert.equal(data.usage.total_tokens, 3);
        assert.deepEqual(provider.calls('old')[0].json, { model: 'old', prompt: 'Hello',
            max_tokens: 5 });
        assert.equal(provider.calls('old')[0].path, '/v1/completions');
    });

    test(`${sdk.name}: with and without /v1`, async () => {
        for (const base of [url, `${url}/v1`, `${url}/v1/`, `${url}/`]) {
            const one = sdk.client(base);
            const { choices } = await one.chat.completions.create({ model: 'hello', messages });
            assert.equal(choices[0].message.content, 'Hello from the mock.');
            assert.ok((await one.models.list()).data.length > 3);
        }
    });

    test(`${sdk.name}: the key in other headers`, async () => {
        for (const name of ['api-key', 'x-api-key', 'x-litellm-api-key']) {
            const one = sdk.client(url, { defaultHeaders: { Authorization: null, [name]: MASTER } });
            const { choices } = await one.chat.completions.create({ model: 'hello', messages });
            assert.equal(choices[0].message.content, 'Hello from the mock.');

            const stranger = sdk.client(url, { defaultHeaders: { Authorization: null,
                [name]: 'sk-stranger' } });
            await assert.rejects(stranger.chat.completions.create({ model: 'hello', messages }),
                OpenAI.AuthenticationError);
        }
    });

    test(`${sdk.name}: as a client of Azure`, async () => {
        provider.on('azure', saying(openai, { text: ['from Azure'] }));
        const client = new (sdk.OpenAI.AzureOpenAI ?? (await azure(sdk)))({ endpoint: url,
            apiKey: MASTER, apiVersion: '2024-10-21', deployment: 'oa/azure', maxRetries: 0 });
        const { choices } = await client.chat.completions.create({ model: 'oa/azure', messages });
        assert.equal(choices[0].message.content, 'from Azure');
        assert.equal(provider.calls('azure')[0].json.model, 'azure');
    });

    test(`${sdk.name}: the library's own headers do no harm`, async () => {
        provider.on('headers', saying(openai, { text: ['x'] }));
        const one = sdk.client(url, { organization: 'org-client', project: 'proj-client',
            defaultHeaders: { 'X-Request-Id': 'mine', 'Cookie': 'secret=1' },
            defaultQuery: { trace: 'a/b' } });
        await one.chat.completions.create({ model: 'oa/headers', messages });
        const { headers, path } = provider.calls('headers')[0];
        assert.equal(path, '/v1/chat/completions');
        assert.equal(headers.cookie, undefined);
        assert.equal(headers.authorization, `Bearer ${openai.key}`);
    });
}


async function azure(sdk) {
    return (await import(sdk.OpenAI === OpenAI6 ? 'openai' : 'openai-4')).AzureOpenAI;
}
