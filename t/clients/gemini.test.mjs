// Gemini behind the openai library: its calls have no ids and its signatures
// no place in OpenAI's form, and both must come back with the next turn.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { GEMINI, start } from './lib/gateway.mjs';
import { collect, sdks, textOf } from './lib/sdk.mjs';

const { provider, url } = await start(after);

const SIGNATURES = ['c2lnbmF0dXJlL29uZSs=', 'c2lnbmF0dXJlL3R3bys='];

const answer = (parts, finishReason = 'STOP', candidates = 7) => ({
    candidates: [{ index: 0, finishReason, content: { role: 'model', parts } }],
    usageMetadata: { promptTokenCount: 11, candidatesTokenCount: candidates,
        totalTokenCount: 11 + candidates }, modelVersion: 'm', responseId: 'r1' });

const event = (parts, finishReason) => {
    const { finishReason: reason, ...rest } = answer(parts).candidates[0];
    return `data: ${JSON.stringify({ ...answer(parts),
        candidates: [finishReason ? { ...rest, finishReason } : rest] })}\r\n\r\n`;
};

const calls = [
    { functionCall: { name: 'add', args: { a: 2, b: 40 } }, thoughtSignature: SIGNATURES[0] },
    { functionCall: { name: 'add', args: { a: 1, b: 1 } }, thoughtSignature: SIGNATURES[1] },
];

const ADD = { type: 'function', function: { name: 'add', description: 'Adds',
    parameters: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } } },
    parse: JSON.parse, function: ({ a, b }) => String(a + b) } };


for (const sdk of sdks) {
    const client = sdk.client(url);
    const label = (text) => `${sdk.name} to gemini: ${text}`;
    const ask = (model, content, more = {}) => ({ model: `ge/${model}`,
        messages: [{ role: 'user', content }], ...more });

    test(label('a text'), async () => {
        provider.on('text', (call) => call.answer(200, answer([{ text: 'Hello ' },
            { text: 'there' }])));
        const { data } = await client.chat.completions.create(ask('text', 'Hi')).withResponse();

        assert.equal(data.choices[0].message.content, 'Hello there');
        assert.equal(data.choices[0].finish_reason, 'stop');
        assert.deepEqual([data.usage.prompt_tokens, data.usage.completion_tokens,
            data.usage.total_tokens], [11, 7, 18]);

        const [call] = provider.calls('text');
        assert.equal(call.path, '/v1beta/models/text:generateContent');
        assert.equal(call.headers['x-goog-api-key'], GEMINI);
        assert.equal(call.headers.authorization, undefined);
        assert.deepEqual(call.json.contents, [{ role: 'user', parts: [{ text: 'Hi' }] }]);
    });

    test(label('a stream'), async () => {
        provider.on('live', (call) => call.stream([event([{ text: 'Grüße ' }]),
            event([{ text: '世界' }], 'STOP')], 7));
        const chunks = await collect(await client.chat.completions.create(ask('live', 'Hi',
            { stream: true, stream_options: { include_usage: true } })));
        assert.equal(textOf(chunks), 'Grüße 世界');
        assert.equal(chunks.at(-1).usage.total_tokens, 18);
        assert.equal(provider.calls('live')[0].path,
            '/v1beta/models/live:streamGenerateContent?alt=sse');
    });

    for (const stream of [false, true]) {
        test(label(`runTools(), signatures return${stream ? ', on streams' : ''}`), async () => {
            provider.on('run', async (call) => {
                const parts = call.n === 0 ? calls : [{ text: 'It is 42 and 2.' }];
                if (stream) {
                    await call.stream(call.n === 0
                        ? [event([calls[0]]), event([calls[1]], 'STOP')]
                        : [event(parts, 'STOP')], 11);
                } else {
                    call.answer(200, answer(parts));
                }
            });
            const runner = sdk.helpers(client).runTools({ ...ask('run', 'add'), stream,
                tools: [ADD] });
            assert.equal(await runner.finalContent(), 'It is 42 and 2.');

            const [, model, results] = provider.calls('run')[1].json.contents;
            assert.deepEqual(model, { role: 'model', parts: calls.map((part) => ({
                functionCall: part.functionCall, thoughtSignature: part.thoughtSignature })) });
            assert.deepEqual(results.parts.map(({ functionResponse }) => functionResponse.name),
                ['add', 'add']);
            assert.deepEqual(results.parts.map(({ functionResponse }) =>
                functionResponse.response.content), ['42', '2']);

            const ids = runner.messages.flatMap((message) => message.tool_calls ?? [])
                .map((call) => call.id);
            assert.equal(new Set(ids).size, 2);
        });
    }

    test(label('a blocked prompt is no error'), async () => {
        provider.on('blocked', (call) => call.answer(200, {
            promptFeedback: { blockReason: 'SAFETY' },
            usageMetadata: { promptTokenCount: 11, totalTokenCount: 11 } }));
        const { choices } = await client.chat.completions.create(ask('blocked', 'Hi'));
        assert.equal(choices[0].finish_reason, 'content_filter');
        assert.equal(choices[0].message.content, null);
    });

    test(label('a quota has the class of the library'), async () => {
        provider.on('full', (call) => call.answer(429, { error: { code: 429,
            message: 'Quota exceeded for metric', status: 'RESOURCE_EXHAUSTED' } }));
        await assert.rejects(client.chat.completions.create(ask('full', 'Hi')), (error) => {
            assert.ok(error instanceof sdk.OpenAI.RateLimitError);
            assert.match(error.message, /Quota exceeded/);
            assert.ok(!error.message.includes(GEMINI));
            return true;
        });
    });

    test(`${sdk.name} to cohere: embeddings, in the form that the library asks for`, async () => {
        provider.on('embed', (call) => call.answer(200, { id: 'e', texts: ['a', 'b'],
            embeddings: { float: [[0.5, -2.5], [1, 0]] },
            meta: { billed_units: { input_tokens: 2 } } }));
        const { data, usage } = await client.embeddings.create({ model: 'co/embed',
            input: ['a', 'b'] });
        assert.deepEqual(data.map(({ index, embedding }) => [index, [...embedding]]),
            [[0, [0.5, -2.5]], [1, [1, 0]]]);
        assert.equal(usage.prompt_tokens, 2);
        assert.deepEqual(provider.calls('embed')[0].json.texts, ['a', 'b']);
    });
}
